// A printable code for one key: Crockford's base32 in groups of five, with a checksum, readable over a telephone.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { concatBytes, equalBytes, readU32, u32 } from "./bytes.ts";
import { checksum, createKeyRing, type KeyRing, ringKeyBytes } from "./key-ring.ts";
import type { CryptoProvider } from "./providers/provider.ts";

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const version = 1;
const checksumBytes = 3;
const codeBytes = 1 + 4 + ringKeyBytes + checksumBytes;
const groupChars = 5;
const codeChars = (codeBytes * 8) / 5;
/** Shorter text is a password, or something else that was never a code. */
const minChars = codeChars / 2;

/** The newest key as 64 characters. With the store's file it opens everything: the file holds the older keys, sealed under the newest. */
export async function ringToRecoveryCode(provider: CryptoProvider, ring: KeyRing): Promise<string> {
  const body = concatBytes(Uint8Array.of(version), u32(ring.newest), ring.key(ring.newest)!);
  const bytes = concatBytes(body, await checksum(provider, body, checksumBytes));
  let text = "";
  let word = 0;
  let bits = 0;
  for (const byte of bytes) {
    word = (word << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet[(word >>> bits) & 31];
    }
    word &= (1 << bits) - 1;
  }
  return text.match(new RegExp(`.{1,${groupChars}}`, "g"))!.join("-");
}

/** Also one with a few characters missing or too many, so that this is what is said of it. */
export function looksLikeRecoveryCode(text: string): boolean {
  const { length } = lettersOf(text);
  return length >= minChars && length < codeChars + minChars && /^[0-9A-Z]+$/.test(lettersOf(text));
}

/** Case, spaces and dashes do not matter; O reads as 0, I and L as 1. Errors: `key_invalid`. */
export async function recoveryCodeToRing(provider: CryptoProvider, text: string): Promise<KeyRing> {
  const letters = lettersOf(text);
  if (letters.length !== codeChars) {
    throw new CuittyError("key_invalid", `a recovery code has ${codeChars} characters, this one has ${letters.length}: copy it whole`);
  }
  const bytes: number[] = [];
  let word = 0;
  let bits = 0;
  for (const letter of letters) {
    const value = alphabet.indexOf(letter);
    if (value < 0) throw mistyped();
    word = (word << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((word >>> bits) & 255);
      word &= (1 << bits) - 1;
    }
  }
  const all = Uint8Array.from(bytes);
  const body = all.slice(0, codeBytes - checksumBytes);
  const fits = all.length === codeBytes && equalBytes(await checksum(provider, body, checksumBytes), all.slice(codeBytes - checksumBytes));
  if (!fits || body[0] !== version) throw mistyped();
  return createKeyRing([[readU32(body, 1), body.slice(5)]]);
}

function lettersOf(text: string): string {
  // Text processors make other dashes of it.
  return text
    .toUpperCase()
    .replace(/[\s\p{Pd}\u2212]/gu, "")
    .replace(/O/g, "0")
    .replace(/[IL]/g, "1");
}

function mistyped(): CuittyError {
  return new CuittyError("key_invalid", "the recovery code does not fit its checksum; check it character by character");
}
