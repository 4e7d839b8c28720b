// Replaces half surrogate pairs: UTF-8 has no bytes for them, and SQLite and JSON.parse would disagree on what was stored.
import { setOwn } from "./split-data.ts";

const loneSurrogates = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

/** Text with U+FFFD for every half pair, as `String.prototype.toWellFormed` has it. */
function toWellFormed(text: string): string {
  return text.replace(loneSurrogates, "\uFFFD");
}

/** A copy of a JSON value in which every string and key is well formed. Depth must have been checked. */
export function toWellFormedValue(value: unknown): unknown {
  if (typeof value === "string") return toWellFormed(value);
  if (Array.isArray(value)) return value.map(toWellFormedValue);
  if (typeof value !== "object" || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) setOwn(copy, toWellFormed(key), toWellFormedValue(member));
  return copy;
}
