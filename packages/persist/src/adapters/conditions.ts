// Comparing what is stored with what was read.
import { equalBytes } from "../crypto/bytes.ts";

/** Of text and bytes, as adapters with `bytes` hold them; undefined is none. */
export function isSameValue(left: unknown, right: unknown): boolean {
  return left instanceof Uint8Array && right instanceof Uint8Array ? equalBytes(left, right) : left === right;
}
