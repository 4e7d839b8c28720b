// The texts of a URL, from its path or its query, as the values that a schema has there.
import { CuittyError } from "@cuitty/wire-protocol";
import { Kind, type TImport, type TIntersect, type TObject, type TSchema, type TUnion, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";

/** A name that a URL may give. */
export interface SchemaField {
  readonly schema: TSchema;
  readonly isRequired: boolean;
}

type Fields = Map<string, SchemaField>;

/** Names of an object schema, of an intersection or a union of such; null for schemas without names, which no URL can follow. */
export function fieldsOf(schema: TSchema): ReadonlyMap<string, SchemaField> | null {
  switch (schema[Kind]) {
    case "Object": {
      const { properties, required = [] } = schema as TObject;
      const names = Object.entries(properties);
      return new Map(names.map(([name, member]) => [name, { schema: member, isRequired: required.includes(name) }]));
    }
    case "Intersect":
      return merged((schema as TIntersect).allOf, (a, b) => ({
        schema: Type.Intersect([a.schema, b.schema]),
        isRequired: a.isRequired || b.isRequired,
      }));
    case "Union": {
      const members = (schema as TUnion).anyOf;
      const all = merged(members, (a, b) => ({ schema: Type.Union([a.schema, b.schema]), isRequired: a.isRequired && b.isRequired }));
      const isInAll = (name: string) => members.every((member) => fieldsOf(member)?.has(name));
      return all && new Map(Array.from(all, ([name, field]) => [name, { ...field, isRequired: field.isRequired && isInAll(name) }]));
    }
    case "Import": {
      const { $defs, $ref } = schema as TImport;
      return fieldsOf(($defs as Record<string, TSchema>)[$ref] as TSchema);
    }
    default:
      return null;
  }
}

function merged(schemas: readonly TSchema[], join: (a: SchemaField, b: SchemaField) => SchemaField): Fields | null {
  const all: Fields = new Map();
  for (const schema of schemas) {
    const fields = fieldsOf(schema);
    if (fields === null) return null;
    for (const [name, field] of fields) {
      const before = all.get(name);
      all.set(name, before === undefined ? field : join(before, field));
    }
  }
  return all;
}

/** Whether a schema refuses names that it does not have. */
function isClosed(schema: TSchema): boolean {
  switch (schema[Kind]) {
    case "Intersect":
      return schema.unevaluatedProperties === false || (schema as TIntersect).allOf.some(isClosed);
    case "Union":
      return (schema as TUnion).anyOf.every(isClosed);
    case "Import": {
      const { $defs, $ref } = schema as TImport;
      return isClosed(($defs as Record<string, TSchema>)[$ref] as TSchema);
    }
    default:
      return schema.additionalProperties === false;
  }
}

/**
 * A query string as an object: numbers and booleans where the schema has them, lists where it has arrays. What is no such text stays one.
 * Names that the schema does not have are there for a closed one to refuse, and left out for others. Errors: `invalid_request` for a name twice.
 */
export function queryToValues(schema: TSchema | undefined, search: string): unknown {
  if (schema === undefined) return undefined;
  const given = new URLSearchParams(search);
  const fields: ReadonlyMap<string, SchemaField> = fieldsOf(schema) ?? new Map();
  const values: [string, unknown][] = isClosed(schema) ? [...given].filter(([name]) => !fields.has(name)) : [];
  for (const [name, field] of fields) {
    const texts = given.getAll(name);
    if (texts.length === 0) continue;
    if (field.schema[Kind] === "Array") {
      const items = texts.flatMap((text) => text.split(","));
      values.push([name, items.map((text) => textToValue(field.schema.items as TSchema, text))]);
    } else if (texts.length === 1) values.push([name, textToValue(field.schema, texts[0] as string)]);
    else throw new CuittyError("invalid_request", `query.${name}: expected it once, got it ${texts.length} times`);
  }
  return Object.fromEntries(values);
}

/** The parameters of a path, in the same way. */
export function pathToValues(schema: TSchema | undefined, params: Readonly<Record<string, string>>): unknown {
  if (schema === undefined) return undefined;
  const fields = fieldsOf(schema);
  return Object.fromEntries(
    Object.entries(params).map(([name, text]) => {
      const field = fields?.get(name);
      return [name, field === undefined ? text : textToValue(field.schema, text)];
    }),
  );
}

/** As JSON spells them (RFC 8259 section 6): no `0x10`, no `+1`, no `007`. */
const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const jsonInteger = /^-?(?:0|[1-9]\d*)$/;

function textToValue(schema: TSchema, text: string): unknown {
  switch (schema[Kind]) {
    case "Number":
      return jsonNumber.test(text) && Number.isFinite(Number(text)) ? Number(text) : text;
    case "Integer":
      return jsonInteger.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : text;
    case "Boolean":
      return booleans.get(text.toLowerCase()) ?? text;
    case "Null":
      return text.toLowerCase() === "null" ? null : text;
    case "Literal":
      return String(schema.const) === text ? schema.const : text;
    case "Union":
      return firstThat((schema as TUnion).anyOf, text);
    case "Intersect":
      return (schema as TIntersect).allOf.map((member) => textToValue(member, text)).find((value) => value !== text) ?? text;
    default:
      return text;
  }
}

const booleans: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["false", false],
  ["0", false],
]);

/** A text that is right as it stands is not converted: `5` stays one where a string may be. */
function firstThat(members: readonly TSchema[], text: string): unknown {
  if (members.some((member) => Value.Check(member, text))) return text;
  const fitting = members.find((member) => Value.Check(member, textToValue(member, text)));
  return fitting === undefined ? text : textToValue(fitting, text);
}
