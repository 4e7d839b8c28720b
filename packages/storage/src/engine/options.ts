// What TypeScript does not see of options.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";

/** Refuses an option that a function does not have, which would else do nothing. Errors: `invalid_option`, `unknown_option`. */
export function refuseUnknown(name: string, options: object, known: readonly string[]): void {
  if (typeof options !== "object" || options === null) {
    throw new CuittyError("invalid_option", `options: expected an object, got ${options === null ? "null" : typeof options}`);
  }
  const unknown = Object.keys(options).find((option) => !known.includes(option));
  if (unknown !== undefined) throw new CuittyError("unknown_option", `${unknown}: is no option of ${name}; it has ${known.join(", ")}`);
}

/** Refuses what is no number of at least `least`; NaN is none. Errors: `invalid_option`. */
export function requireNumber(name: string, value: unknown, least = 0): void {
  if (typeof value === "number" && value >= least) return;
  const got = typeof value === "number" ? String(value) : typeof value;
  throw new CuittyError("invalid_option", `${name}: expected a number from ${least}, got ${got}`);
}
