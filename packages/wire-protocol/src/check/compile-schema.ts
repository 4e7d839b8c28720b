// Turns a schema into a test of values: compiled where the runtime lets code be made, interpreted elsewhere.
import { Kind, type TImport, type TIntersect, type TObject, type TSchema, type TUnion } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { Value } from "@sinclair/typebox/value";
import { knowFormats } from "./formats.ts";
import { canBeObject, importedBy } from "./schema-fault.ts";

/** Compiled checks are about ten times as fast; edge runtimes and strict content security policies forbid them. */
export function compileSchema(schema: TSchema, canCompile = true): (data: Record<string, unknown>) => boolean {
  knowFormats();
  const matches = canCompile ? compiled(schema) : (value: unknown) => Value.Check(schema, value);
  const hasRequired = requiredTest(schema);
  return hasRequired === null ? matches : (data) => hasRequired(data) && matches(data);
}

/** TypeBox reads `data.key`, and so would take a polluted Object.prototype for the fields of every event. Null where no field is required. */
function requiredTest(schema: TSchema): ((data: object) => boolean) | null {
  if (schema[Kind] === "Object") {
    const keys = (schema as TObject).required ?? [];
    return keys.length === 0 ? null : (data) => keys.every((key) => Object.hasOwn(data, key));
  }
  if (schema[Kind] === "Import") return requiredTest(importedBy(schema as TImport));
  if (schema[Kind] === "Intersect") {
    const tests = (schema as TIntersect).allOf.map(requiredTest).filter((test) => test !== null);
    return tests.length === 0 ? null : (data) => tests.every((test) => test(data));
  }
  if (schema[Kind] !== "Union") return null;
  const tests = (schema as TUnion).anyOf.filter(canBeObject).map(requiredTest);
  return tests.includes(null) ? null : (data) => tests.some((test) => test?.(data));
}

/** The object schemas that `data` may follow: the members of a union, or the schema alone; none for other kinds. */
export function branchesOf(schema: TSchema): readonly TObject[] {
  if (schema[Kind] === "Object") return [schema as TObject];
  return schema[Kind] === "Union" ? (schema as TUnion).anyOf.flatMap(branchesOf) : [];
}

function compiled(schema: TSchema): (value: unknown) => boolean {
  try {
    const check = TypeCompiler.Compile(schema);
    return (value) => check.Check(value);
  } catch {
    return (value) => Value.Check(schema, value);
  }
}
