// Rules for keys and prefixes: what may name a record, and what a caller hears when it may not.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { isWellFormed, loneSurrogate } from "../crypto/bytes.ts";

const maxKeyBytes = 1024;
const maxSegmentBytes = 255;
const maxSegments = 64;
/** Keys up to this length cannot exceed a byte limit whatever they hold (UTF-8 takes at most 3 bytes per UTF-16 unit). */
const surelyShortChars = Math.floor(maxSegmentBytes / 3);

function invalid(what: string, expected: string, got: string): CuittyError {
  return new CuittyError("invalid_key", `${what} ${expected}, got ${got}`);
}

/** Errors: `invalid_key` that says what is wrong. The key itself never stands in the message. */
export function checkKey(key: unknown, what = "key"): asserts key is string {
  if (typeof key !== "string") throw invalid(what, "must be a string", key === null ? "null" : typeof key);
  if (key.length === 0) throw invalid(what, "must have at least one character", "an empty string");
  checkText(key, what);
}

/** A prefix may be empty and may end in the middle of a segment. Errors: `invalid_key`. */
export function checkPrefix(prefix: unknown, what = "prefix"): asserts prefix is string {
  if (typeof prefix !== "string") throw invalid(what, "must be a string", prefix === null ? "null" : typeof prefix);
  if (prefix.length > 0) checkText(prefix, what, true);
}

function checkText(key: string, what: string, isPrefix = false): void {
  if (key.includes("\0")) throw invalid(what, "must not hold NUL characters", `one at position ${key.indexOf("\0")}`);
  if (!isWellFormed(key)) throw invalid(what, "must be well-formed Unicode", `a lone surrogate at position ${key.search(loneSurrogate)}`);
  // Short keys without a dot can break none of the rules below: as many slashes make one segment more.
  if (key.length < maxSegments && !key.includes(".")) return;
  const bytes = utf8Bytes(key);
  if (bytes > maxKeyBytes) throw invalid(what, `must have at most ${maxKeyBytes} bytes as UTF-8`, `${bytes}`);
  const segments = key.split("/");
  if (segments.length > maxSegments) throw invalid(what, `must have at most ${maxSegments} segments`, `${segments.length}`);
  for (const [index, segment] of segments.entries()) {
    // The last one of a prefix may go on: "a/." finds "a/.hidden".
    const isWhole = !isPrefix || index < segments.length - 1;
    if (isWhole && (segment === "." || segment === ".."))
      throw invalid(`segment ${index + 1} of the ${what}`, "must be a name", `"${segment}"`);
    checkSegment(segment, `segment ${index + 1} of the ${what}`);
  }
}

function checkSegment(segment: string, what: string): void {
  if (segment.length <= surelyShortChars) return;
  const bytes = utf8Bytes(segment);
  if (bytes > maxSegmentBytes) throw invalid(what, `must have at most ${maxSegmentBytes} bytes as UTF-8`, `${bytes}`);
}

/** Length of a text as UTF-8, without making the bytes. */
export function utf8Bytes(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) bytes += 1;
    else if (code < 0x800) bytes += 2;
    else if (code >= 0xd800 && code < 0xdc00) {
      bytes += 4;
      i++;
    } else bytes += 3;
  }
  return bytes;
}
