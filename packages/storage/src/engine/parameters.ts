// What may be bound to a statement: SQLite's own values and nothing that would have to be guessed.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { SqlValue } from "./driver.ts";

const largest = 2n ** 63n - 1n;
const smallest = -(2n ** 63n);

const advice: Readonly<Record<string, string>> = {
  Date: "pass its time as a number or an ISO string",
  Map: "pass JSON text",
  Set: "pass JSON text",
  Object: "pass JSON text",
  Array: "pass JSON text",
  ArrayBuffer: "wrap it in a Uint8Array",
};

/** The error for a value that SQLite has no form for. Never names the value itself. */
export function invalidParameter(index: number, got: string, todo: string): CuittyError {
  return new CuittyError(
    "invalid_parameter",
    `parameter ${index + 1}: expected null, number, bigint, string, boolean or Uint8Array, got ${got}; ${todo}`,
    {
      details: { index, got },
    },
  );
}

/** The error for a wrong number of values. */
export function wrongParameterCount(expected: number, got: number): CuittyError {
  return new CuittyError("invalid_parameter", `the statement takes ${expected} parameters, got ${got}; pass one value for each`, {
    details: { expected, got },
  });
}

function describe(value: unknown): { got: string; todo: string } {
  if (value === undefined) return { got: "undefined", todo: "pass null for no value" };
  if (typeof value !== "object" || value === null) return { got: typeof value, todo: "convert it first" };
  const name = (value as object).constructor?.name || "Object";
  return { got: name, todo: advice[name] ?? "convert it first" };
}

/**
 * Checks one value. Booleans become 1 and 0; everything else that SQLite cannot hold exactly is refused, NaN included, since SQLite would store NULL.
 * Lone surrogates in text become U+FFFD, as in any UTF-8 encoder. Errors: `invalid_parameter`.
 */
export function checkedParameter(value: unknown, index: number): SqlValue {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
      if (Number.isNaN(value)) throw invalidParameter(index, "NaN", "pass null or a number");
      return value;
    case "bigint":
      if (value > largest || value < smallest) throw invalidParameter(index, "a bigint beyond 64 bits", "pass it as text");
      return value;
    case "boolean":
      return value ? 1 : 0;
    default:
      if (value === null || value instanceof Uint8Array) return value;
  }
  const { got, todo } = describe(value);
  throw invalidParameter(index, got, todo);
}
