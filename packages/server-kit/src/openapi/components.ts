// Moves named schemas to `components` and checks that what is left is plain JSON Schema 2020-12.
import { CuittyError } from "@cuitty/wire-protocol";
import type { TSchema } from "@sinclair/typebox";

type Json = Readonly<Record<string, unknown>>;

export interface Components {
  /** The schema as it stands in a document; one with `$id` becomes a reference. Errors: `invalid_schema`. */
  place(schema: TSchema): Json;
  /** Adds a schema under a name and gives the reference. A name that another schema has gets a number: `Problem2`. */
  add(name: string, schema: Json): Json;
  readonly schemas: Readonly<Record<string, Json>>;
}

/** What the names inside of a schema refer to: an `$id` and the component it became. */
type Names = ReadonlyMap<string, string>;

const jsonTypes: ReadonlySet<unknown> = new Set(["string", "number", "integer", "boolean", "object", "array", "null"]);
/** Members whose value is data, not a schema. */
const dataMembers: ReadonlySet<string> = new Set(["const", "enum", "default", "examples", "required"]);
/** Members whose value has schemas by names of the author, who may use any: `$id`, `default`. */
const mapMembers: ReadonlySet<string> = new Set(["properties", "patternProperties", "dependentSchemas"]);

export function createComponents(): Components {
  const schemas: Record<string, Json> = Object.create(null);
  /** By name: the schema it was given for, as text. */
  const texts = new Map<string, string>();

  /** The wanted name, or with a number where another schema has it. */
  function nameFor(wanted: string, schema: unknown): string {
    const text = JSON.stringify(schema);
    // Source: OpenAPI 3.1, Components Object.
    const plain = wanted.replace(/[^A-Za-z0-9._-]+/g, "_");
    for (let number = 1; ; number += 1) {
      const name = number === 1 ? plain : `${plain}${number}`;
      if (texts.has(name) && texts.get(name) !== text) continue;
      texts.set(name, text);
      return name;
    }
  }

  function place(value: unknown, path: string, names: Names): unknown {
    if (Array.isArray(value)) return value.map((item, index) => place(item, `${path}[${index}]`, names));
    if (typeof value !== "object" || value === null) return value;
    const schema = value as Json;
    checkType(schema.type, path);
    if (typeof schema.$ref === "string") return placeReference(schema, path, names);
    if (typeof schema.$id !== "string") return placeMembers(schema, path, names);
    const { $id, ...rest } = schema;
    const name = nameFor($id, schema);
    // Before its members are placed: they may refer to it.
    if (schemas[name] === undefined) {
      schemas[name] = {};
      schemas[name] = placeMembers(rest, path, new Map([...names, [$id, name]]));
    }
    return referenceTo(name);
  }

  function placeMembers(schema: Json, path: string, names: Names): Json {
    return mapped(schema, (key, member) => {
      if (dataMembers.has(key)) return member;
      const within = `${path}.${key}`;
      return mapMembers.has(key) && isObject(member)
        ? mapped(member, (name, child) => place(child, `${within}.${name}`, names))
        : place(member, within, names);
    });
  }

  /** A reference inside of a named schema, or an import: definitions and the one of them that it stands for. */
  function placeReference(schema: Json, path: string, names: Names): Json {
    const { $ref, $defs, $id: _id, ...others } = schema as { readonly $ref: string } & Json;
    const rest = placeMembers(others, path, names);
    if (!isObject($defs)) return { ...rest, $ref: names.has($ref) ? `#/components/schemas/${names.get($ref)}` : $ref };
    const given = Object.entries($defs).map(([key, definition]) => [key, nameFor(key, [definition, $defs])] as const);
    const inside = new Map([...names, ...given]);
    for (const [key, name] of given) {
      const { $id: _own, ...definition } = $defs[key] as Json;
      if (schemas[name] !== undefined) continue;
      schemas[name] = {};
      schemas[name] = place(definition, `${path}.$defs.${key}`, inside) as Json;
    }
    return { ...rest, ...referenceTo(inside.get($ref) ?? $ref) };
  }

  return {
    place: (schema) => place(schema, "", new Map()) as Json,
    add(wanted, schema) {
      // Named already.
      if (typeof schema.$ref === "string" && Object.keys(schema).length === 1) return schema;
      const name = nameFor(wanted, schema);
      schemas[name] ??= schema;
      return referenceTo(name);
    },
    schemas,
  };
}

function referenceTo(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}

function checkType(type: unknown, path: string): void {
  if (typeof type !== "string" || jsonTypes.has(type)) return;
  throw new CuittyError(
    "invalid_schema",
    `Expected JSON types in the schemas of routes, got ${type}${path}; use a string with a format instead`,
  );
}

function mapped(object: Json, to: (key: string, value: unknown) => unknown): Json {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, to(key, value)]));
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
