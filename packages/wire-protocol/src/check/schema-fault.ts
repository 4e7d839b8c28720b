// Why a schema cannot be checked, found where it is written: TypeBox throws on it at the first value, or refuses them all.
import { FormatRegistry, Kind, type TImport, type TIntersect, type TSchema, type TUnion, TypeRegistry } from "@sinclair/typebox";
import { knowFormats } from "./formats.ts";

/** Kinds whose values JSON has. */
const jsonKinds: ReadonlySet<string> = new Set(
  "Any Array Boolean Import Integer Intersect Literal Never Not Null Number Object Record Ref String TemplateLiteral This Tuple Union Unknown".split(
    " ",
  ),
);
const otherKinds: ReadonlySet<string> = new Set(
  "AsyncIterator BigInt Constructor Date Function Iterator Promise RegExp Symbol Uint8Array Undefined Void".split(" "),
);
const neverObjects: ReadonlySet<string> = new Set(
  "Array Boolean Integer Literal Never Null Number String TemplateLiteral Tuple".split(" "),
);

/** Members that hold one schema or a list of them, and those that hold schemas by name. */
const single = ["items", "additionalItems", "contains", "not", "anyOf", "allOf", "additionalProperties", "unevaluatedProperties"];
const named = ["properties", "patternProperties", "$defs"];

/** The first fault of a schema whose values come as JSON, as `address.zip: format "zip" is not known; …`; null when it can be checked. */
export function schemaFault(schema: unknown): string | null {
  knowFormats();
  return faultAt(schema, "", new Set());
}

/** The same for the `data` of an event, which is always an object. */
export function dataSchemaFault(schema: unknown): string | null {
  return schemaFault(schema) ?? (canBeObject(schema as TSchema) ? null : `no object follows it, and data is always one; use Type.Object`);
}

function faultAt(schema: unknown, path: string, ids: ReadonlySet<string>): string | null {
  const own = ownFault(schema, ids);
  if (own !== null) return path === "" ? own : `${path}: ${own}`;
  // What TypeBox has inside of Never is no schema of its own.
  if ((schema as TSchema)[Kind] === "Never") return null;
  const fields = schema as Record<string, unknown>;
  const inside = new Set([...ids, ...idsOf(fields)]);
  const within = (key: string | number) => (path === "" ? String(key) : `${path}.${key}`);
  for (const member of named) {
    for (const [key, child] of Object.entries(fields[member] ?? {})) {
      const found = faultAt(child, within(key), inside);
      if (found !== null) return found;
    }
  }
  for (const member of single) {
    const found = faultOf(fields[member], within(member), inside);
    if (found !== null) return found;
  }
  return null;
}

function faultOf(value: unknown, path: string, ids: ReadonlySet<string>): string | null {
  if (value === undefined || typeof value === "boolean") return null;
  if (!Array.isArray(value)) return faultAt(value, path, ids);
  for (const [index, child] of value.entries()) {
    const found = faultAt(child, `${path}[${index}]`, ids);
    if (found !== null) return found;
  }
  return null;
}

/** What a reference inside of the schema may name. */
function idsOf({ $id, $defs }: Record<string, unknown>): readonly string[] {
  return [...(typeof $id === "string" ? [$id] : []), ...Object.keys($defs ?? {})];
}

function ownFault(schema: unknown, ids: ReadonlySet<string>): string | null {
  if (typeof schema !== "object" || schema === null) return `expected a schema of TypeBox, got ${schema === null ? "null" : typeof schema}`;
  const { [Kind]: kind, format, pattern, $ref } = schema as Partial<TSchema>;
  if (kind === undefined) return "plain JSON Schema cannot be checked; write it with Type of TypeBox";
  if (otherKinds.has(kind)) return `JSON has no ${kind}; use what stands for it in JSON, such as a string with a format or a pattern`;
  if (!jsonKinds.has(kind) && !TypeRegistry.Has(kind)) return unknownKind(kind);
  if (kind === "String" && format !== undefined && !FormatRegistry.Has(format)) {
    return `format ${JSON.stringify(format)} is not known; register it with FormatRegistry of TypeBox before the schema is used`;
  }
  if (kind === "String" && pattern !== undefined && !isPattern(pattern)) return `${JSON.stringify(pattern)} is no regular expression`;
  if ((kind === "Ref" || kind === "This") && !ids.has($ref)) return `nothing inside of it has the $id ${JSON.stringify($ref)}`;
  return null;
}

function unknownKind(kind: string): string {
  if (kind === "Unsafe") return "Type.Unsafe around plain JSON Schema cannot be checked; put a schema of TypeBox into it";
  return `kind ${JSON.stringify(kind)} is not known; register it with TypeRegistry of TypeBox before the schema is used`;
}

/** As TypeBox compiles it: without the flag `u`. */
function isPattern(pattern: string): boolean {
  try {
    return new RegExp(pattern) !== null;
  } catch {
    return false;
  }
}

/** Whether some object may follow a schema that has no fault. */
export function canBeObject(schema: TSchema): boolean {
  const kind = schema[Kind];
  if (kind === "Union") return (schema as TUnion).anyOf.some(canBeObject);
  if (kind === "Intersect") return (schema as TIntersect).allOf.every(canBeObject);
  if (kind === "Import") return canBeObject(importedBy(schema as TImport));
  return !neverObjects.has(kind);
}

/** The schema that an import of a `Type.Module` stands for. */
export function importedBy({ $defs, $ref }: Pick<TImport, "$defs" | "$ref">): TSchema {
  return ($defs as Record<string, TSchema>)[$ref] as TSchema;
}
