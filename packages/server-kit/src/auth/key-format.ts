// API keys as text: `cuitty_sk_` or `cuitty_pk_`, 12 characters of id, 32 of secret (190 bits), 6 of CRC-32.
import { createHash, timingSafeEqual } from "node:crypto";
import { type RandomBytes, systemRandom } from "../clock.ts";

export type KeyKind = "sk" | "pk";

export interface ParsedKey {
  readonly kind: KeyKind;
  /** `key_` and the key's 12 public characters; the row's id. */
  readonly keyId: string;
}

/** For secret scanners. */
export const KEY_PATTERN = /^cuitty_(sk|pk)_([0-9A-Za-z]{12})([0-9A-Za-z]{32})([0-9A-Za-z]{6})$/;

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const idChars = 12;
const secretChars = 32;
const crcChars = 6;

/** A new key; its text exists only in the value returned. */
export function makeKey(kind: KeyKind, random: RandomBytes = systemRandom): { readonly key: string; readonly keyId: string } {
  const id = randomText(idChars, random);
  const body = `cuitty_${kind}_${id}${randomText(secretChars, random)}`;
  return { key: body + checksum(body), keyId: `key_${id}` };
}

/** Null for anything that was never issued: wrong shape or wrong checksum, found without a look into the database. */
export function parseKey(text: string): ParsedKey | null {
  const match = KEY_PATTERN.exec(text);
  if (match === null || checksum(text.slice(0, -crcChars)) !== match[4]) return null;
  return { kind: match[1] as KeyKind, keyId: `key_${match[2]}` };
}

/** What is stored: SHA-256 of the whole key, hex. A slow hash would add nothing to 190 random bits. */
export function hashKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/** Compares two hashes in time that tells nothing. */
export function isSameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

/** `size` base62 characters; bytes of 248 and above are drawn again, so that no character is likelier than another. */
export function randomText(size: number, random: RandomBytes): string {
  let text = "";
  while (text.length < size) {
    for (const byte of random(size * 2)) {
      if (byte < 248 && text.length < size) text += alphabet[byte % 62];
    }
  }
  return text;
}

function checksum(text: string): string {
  let value = crc32(text);
  let encoded = "";
  for (let index = 0; index < crcChars; index += 1) {
    encoded = alphabet[value % 62] + encoded;
    value = Math.floor(value / 62);
  }
  return encoded;
}

/** CRC-32 of ASCII text. Source: ISO 3309, polynomial 0xEDB88320; `zlib.crc32` needs Node 20.15 and is absent in Bun. */
function crc32(text: string): number {
  let crc = 0xffffffff;
  for (let index = 0; index < text.length; index += 1) {
    crc ^= text.charCodeAt(index);
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
