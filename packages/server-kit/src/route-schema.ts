// Checks what goes into and out of a route against its schemas.
import { CuittyError, type ProblemFieldError } from "@cuitty/wire-protocol";
import { knowFormats } from "@cuitty/wire-protocol/check-event";
import type { TSchema } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { Value } from "@sinclair/typebox/value";

export interface SchemaCheck {
  check(value: unknown): boolean;
  /** First few problems, as `query.limit: Expected integer`. */
  problems(value: unknown, root: string): readonly ProblemFieldError[];
}

const maxProblems = 5;
/** Keys of a body are the sender's text: no more of them than shows the place. */
const maxPathCharacters = 200;

/** Compiled on first use where the runtime allows it, interpreted elsewhere. */
export function schemaCheck(schema: TSchema): SchemaCheck {
  let check: ((value: unknown) => boolean) | undefined;
  return {
    check(value) {
      check ??= compile(schema);
      return check(value);
    },
    problems(value, root) {
      const problems: ProblemFieldError[] = [];
      for (const { path, message } of Value.Errors(schema, value)) {
        problems.push({ path: (root + path.replaceAll("/", ".")).slice(0, maxPathCharacters), reason: message });
        if (problems.length === maxProblems) break;
      }
      return problems;
    },
  };
}

/** **Errors**: `invalid_request` with `errors`. */
export function checked(schema: TSchema | undefined, value: unknown, root: string): unknown {
  if (schema === undefined) return undefined;
  const { check, problems } = checkOf(schema);
  if (check(value)) return value;
  const errors = problems(value, root);
  const first = errors[0];
  throw new CuittyError("invalid_request", first === undefined ? `${root}: not valid` : `${first.path}: ${first.reason}`, {
    details: { errors },
  });
}

/** A copy with the defaults of its schema where nothing is given. */
export function withDefaults(schema: TSchema | undefined, value: unknown): unknown {
  if (schema === undefined || typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Value.Default(schema, { ...value });
}

/** As `withDefaults`, for a body of any depth; what the caller gave is left as it is. */
export function withBodyDefaults(schema: TSchema, value: unknown): unknown {
  if (!hasDefaults(schema)) return value;
  try {
    return Value.Default(schema, structuredClone(value));
  } catch {
    // reason: a direct call gave what is no JSON, which the check tells
    return value;
  }
}

const defaults = new WeakMap<TSchema, boolean>();

function hasDefaults(schema: TSchema): boolean {
  let found = defaults.get(schema);
  if (found === undefined) {
    // Perhaps only a property of that name, which costs a copy.
    found = JSON.stringify(schema).includes('"default":');
    defaults.set(schema, found);
  }
  return found;
}

const checks = new WeakMap<TSchema, SchemaCheck>();

function checkOf(schema: TSchema): SchemaCheck {
  let found = checks.get(schema);
  if (found === undefined) {
    found = schemaCheck(schema);
    checks.set(schema, found);
  }
  return found;
}

/** Whether a handler's reply is what its route promises. */
export function matchesReply(schema: TSchema, value: unknown): boolean {
  return checkOf(schema).check(value);
}

function compile(schema: TSchema): (value: unknown) => boolean {
  knowFormats();
  try {
    const compiled = TypeCompiler.Compile(schema);
    return (value) => compiled.Check(value);
  } catch {
    return (value) => Value.Check(schema, value);
  }
}
