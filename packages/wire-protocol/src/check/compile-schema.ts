// Turns a schema into a test of values: compiled where the runtime lets code be made, interpreted elsewhere.
import { Kind, type TObject, type TSchema, type TUnion } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { Value } from "@sinclair/typebox/value";

/** Compiled checks are about ten times as fast; edge runtimes and strict content security policies forbid them. */
export function compileSchema(schema: TSchema, canCompile = true): (data: Record<string, unknown>) => boolean {
  const matches = canCompile ? compiled(schema) : (value: unknown) => Value.Check(schema, value);
  const requiredKeys = branchesOf(schema).map((branch) => branch.required ?? []);
  // TypeBox reads `data.key`, and so would take a polluted Object.prototype for the fields of every event.
  const hasRequired = (data: object) => requiredKeys.some((keys) => keys.every((key) => Object.hasOwn(data, key)));
  return (data) => hasRequired(data) && matches(data);
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
