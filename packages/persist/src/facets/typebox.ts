// TypeBox behind the schema port: compiled where the runtime allows eval, interpreted elsewhere. Loaded only when a store has collections.
import type { TSchema } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { Value } from "@sinclair/typebox/value";
import type { RecordSchema } from "./schemas.ts";

export function compileSchema(schema: RecordSchema): (value: unknown) => { path: string; message: string } | undefined {
  const checker = checkerOf(schema as TSchema);
  return (value) => {
    if (checker.check(value)) return undefined;
    const first = checker.errors(value);
    return { path: first?.path ?? "", message: first?.message ?? "does not match" };
  };
}

function checkerOf(schema: TSchema) {
  try {
    const compiled = TypeCompiler.Compile(schema);
    return { check: (value: unknown) => compiled.Check(value), errors: (value: unknown) => compiled.Errors(value).First() };
  } catch (error) {
    // A content security policy without `unsafe-eval` refuses compiled code.
    if (!(error instanceof EvalError)) throw error;
    return { check: (value: unknown) => Value.Check(schema, value), errors: (value: unknown) => Value.Errors(schema, value).First() };
  }
}
