// Checks of what callers hand to the facets.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { checkKey, checkPrefix } from "../core/paths.ts";
import type { ListOptions } from "./entries.ts";

const listOptions = ["limit", "after", "reverse"] as const;

/** An option that is misspelled and ignored is worse than an error. Errors: `invalid_option`. */
export function checkOptionsObject(options: unknown, what: string, known: readonly string[]): void {
  if (typeof options !== "object" || options === null)
    throw new CuittyError("invalid_option", `the options of ${what} are an object, got ${options === null ? "null" : typeof options}`);
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new CuittyError("invalid_option", `${what} has no option "${unknown}"; known are ${known.join(", ")}`);
}

/** Errors: `invalid_option`, `invalid_key`. */
export function checkListing(prefix: string, options: ListOptions): ListOptions {
  checkPrefix(prefix);
  checkOptionsObject(options, "list", listOptions);
  const { limit, after, reverse } = options;
  if (limit !== undefined && !((Number.isInteger(limit) && limit >= 0) || limit === Number.POSITIVE_INFINITY)) {
    throw new CuittyError("invalid_option", `limit must be a whole number of at least 0, got ${String(limit)}`);
  }
  if (after !== undefined) checkKey(after, "after");
  if (reverse !== undefined && typeof reverse !== "boolean")
    throw new CuittyError("invalid_option", `reverse must be true or false, got ${typeof reverse}`);
  return {
    ...(limit === undefined ? {} : { limit }),
    ...(after === undefined ? {} : { after }),
    ...(reverse === undefined ? {} : { reverse }),
  };
}

export function checkFunction(value: unknown, what: string): void {
  if (typeof value !== "function")
    throw new CuittyError("invalid_option", `${what} must be a function, got ${value === null ? "null" : typeof value}`);
}
