// TypeBox behind the schema port: compiled where the runtime allows eval, interpreted elsewhere. Loaded only when a store has collections.

import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { TSchema } from "@sinclair/typebox";
import type { RecordSchema } from "./schemas.ts";

export type SchemaCheck = (value: unknown) => { readonly path: string; readonly message: string } | undefined;

/** Errors: `missing_library`. */
export async function loadTypeBox(): Promise<(schema: RecordSchema) => SchemaCheck> {
  try {
    // Inside `try`, so that bundlers let an app without TypeBox build.
    const { TypeCompiler } = await import("@sinclair/typebox/compiler");
    const { Value } = await import("@sinclair/typebox/value");
    return (schema) => checkOf(schema as TSchema, { TypeCompiler, Value });
  } catch (cause) {
    throw new CuittyError("missing_library", 'collections need TypeBox: run "npm install @sinclair/typebox"', { cause });
  }
}

interface Library {
  readonly TypeCompiler: typeof import("@sinclair/typebox/compiler").TypeCompiler;
  readonly Value: typeof import("@sinclair/typebox/value").Value;
}

function checkOf(schema: TSchema, { TypeCompiler, Value }: Library): SchemaCheck {
  try {
    const compiled = TypeCompiler.Compile(schema);
    return (value) => (compiled.Check(value) ? undefined : firstOf(compiled.Errors(value).First()));
  } catch (error) {
    // A content security policy without `unsafe-eval` refuses compiled code.
    if (!(error instanceof EvalError)) throw error;
    return (value) => (Value.Check(schema, value) ? undefined : firstOf(Value.Errors(schema, value).First()));
  }
}

function firstOf(error: { readonly path: string; readonly message: string } | undefined): { path: string; message: string } {
  return { path: error?.path ?? "", message: error?.message ?? "does not match" };
}
