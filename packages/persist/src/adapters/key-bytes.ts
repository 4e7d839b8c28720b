// Keys as bytes whose order is that of JavaScript strings, so that SQLite's memcmp sorts as `<` does.
import { utf8, utf8ToText } from "../crypto/bytes.ts";

/** A loop: on a short key it is done before a regular expression has begun. */
function hasSurrogate(key: string): boolean {
  for (let i = 0; i < key.length; i++) if ((key.charCodeAt(i) & 0xf800) === 0xd800) return true;
  return false;
}

/** UTF-8, but each half of a surrogate pair as three bytes (CESU-8): UTF-8 alone sorts U+1F600 after U+FFFD, JavaScript before. */
export function keyToBytes(key: string): Uint8Array {
  if (!hasSurrogate(key)) return utf8(key);
  const bytes: number[] = [];
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i);
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return Uint8Array.from(bytes);
}

/** The same bytes for a statement that casts its parameter to a BLOB: text where its UTF-8 is those bytes. */
export function keyToParameter(key: string): string | Uint8Array {
  return hasSurrogate(key) ? keyToBytes(key) : key;
}

/** Whether a surrogate half stands in the bytes: 0xED 0xA0..0xBF, which UTF-8 proper never holds. 0xED also starts the syllables from U+D000 on. */
function holdsSurrogate(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(0xed); at >= 0; at = bytes.indexOf(0xed, at + 1)) if (bytes[at + 1]! >= 0xa0) return true;
  return false;
}

export function bytesToKey(bytes: Uint8Array): string {
  // Asked first: a Buffer decodes anything, with replacement characters where it is no UTF-8.
  if (!holdsSurrogate(bytes)) return utf8ToText(bytes);
  let key = "";
  for (let i = 0; i < bytes.length; ) {
    const byte = bytes[i]!;
    const size = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : 3;
    let code = size === 1 ? byte : size === 2 ? byte & 31 : byte & 15;
    for (let next = 1; next < size; next++) code = (code << 6) | (bytes[i + next]! & 63);
    key += String.fromCharCode(code);
    i += size;
  }
  return key;
}

/** The first byte string after every one with that prefix, or undefined when there is none. */
export function bytesAfterPrefix(prefix: Uint8Array): Uint8Array | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    if (prefix[i]! === 0xff) continue;
    const bound = new Uint8Array(prefix.subarray(0, i + 1));
    bound[i]!++;
    return bound;
  }
  return undefined;
}
