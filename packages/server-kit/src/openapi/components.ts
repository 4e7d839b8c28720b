// Moves named schemas to `components` and checks that what is left is plain JSON Schema 2020-12.
import { CuittyError } from "@cuitty/wire-protocol";
import type { TSchema } from "@sinclair/typebox";

type Json = Readonly<Record<string, unknown>>;

export interface Components {
  /** The schema as it stands in a document; one with `$id` becomes a reference. Errors: `invalid_schema`. */
  place(schema: TSchema): Json;
  /** Adds a schema under a name and gives the reference. */
  add(name: string, schema: Json): Json;
  readonly schemas: Readonly<Record<string, Json>>;
}

const jsonTypes: ReadonlySet<unknown> = new Set(["string", "number", "integer", "boolean", "object", "array", "null"]);

export function createComponents(): Components {
  const schemas: Record<string, Json> = {};

  function place(schema: unknown, path = ""): unknown {
    if (Array.isArray(schema)) return schema.map((item, index) => place(item, `${path}[${index}]`));
    if (typeof schema !== "object" || schema === null) return schema;
    const { $id, ...rest } = schema as { $id?: string; type?: unknown };
    if (rest.type !== undefined && typeof rest.type === "string" && !jsonTypes.has(rest.type)) {
      throw new CuittyError(
        "invalid_schema",
        `Expected JSON types in the schemas of routes, got ${rest.type}${path}; use a string with a format instead`,
      );
    }
    const placed = Object.fromEntries(
      Object.entries(rest).map(([key, value]) => [key, isData(key) ? value : place(value, `${path}.${key}`)]),
    );
    if ($id === undefined) return placed;
    schemas[$id] ??= placed;
    return { $ref: `#/components/schemas/${$id}` };
  }

  return {
    place: (schema) => place(schema) as Json,
    add(name, schema) {
      schemas[name] ??= schema;
      return { $ref: `#/components/schemas/${name}` };
    },
    schemas,
  };
}

/** Members whose value is data, not a schema; a property may still be named like one of them. */
function isData(key: string): boolean {
  return key === "const" || key === "enum" || key === "default" || key === "examples" || key === "required";
}
