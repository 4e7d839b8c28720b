// A key ring wrapped by a passphrase: scrypt, then the envelope. For exports that travel or lie in a drawer.
import type * as NodeCrypto from "node:crypto";
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { builtinModule } from "./builtin-module.ts";
import { base64UrlToBytes, bytesToBase64Url, concatBytes, readU32, u32 } from "./bytes.ts";
import { bytesToRing, type KeyRing, ringToBytes } from "./key-ring.ts";
import { type CryptoProvider, randomBytes } from "./providers/provider.ts";
import { open, seal } from "./seal.ts";

const prefix = "cuitty-key-scrypt-1.";
const context = "cuitty/persist/key export";
const saltBytes = 16;
/** RFC 7914 parameters: 128 MiB and about half a second; N as a power of two. */
const parameters = { logN: 17, r: 8, p: 1 } as const;
/** N·r·p of the most that is computed, four times what is written: memory is 128 bytes of each N·r, and time goes with all three. A hostile export must not take gigabytes, or minutes. */
const maxCost = 2 ** 22;

export function isPassphraseExport(text: string): boolean {
  return text.startsWith(prefix);
}

/** Errors: `invalid_option` for a passphrase of fewer than 8 characters. */
export async function wrapRing(provider: CryptoProvider, ring: KeyRing, passphrase: string): Promise<string> {
  if (typeof passphrase !== "string" || passphrase.length < 8) {
    throw new CuittyError("invalid_option", "passphrase must have at least 8 characters; four random words are good");
  }
  const header = concatBytes(Uint8Array.of(parameters.logN, parameters.r, parameters.p), randomBytes(saltBytes));
  const key = await stretch(passphrase, header);
  const sealed = await seal(ringToBytes(ring), { key, context, provider: provider.name });
  return prefix + bytesToBase64Url(concatBytes(u32(header.length), header, sealed));
}

/** Errors: `passphrase_missing`, `passphrase_wrong`, `key_invalid`. */
export async function unwrapRing(provider: CryptoProvider, text: string, passphrase: string | undefined): Promise<KeyRing> {
  if (passphrase === undefined)
    throw new CuittyError("passphrase_missing", "this key was exported with a passphrase; pass it as `passphrase`");
  const bytes = base64UrlToBytes(text.slice(prefix.length));
  if (!bytes || bytes.length < 4 + 3 + saltBytes || readU32(bytes, 0) !== 3 + saltBytes) {
    throw new CuittyError("key_invalid", "the exported key is damaged; copy it whole");
  }
  const header = bytes.subarray(4, 4 + 3 + saltBytes);
  const key = await stretch(passphrase, header);
  try {
    return bytesToRing(await open(bytes.subarray(4 + header.length), { key, context, provider: provider.name }));
  } catch (cause) {
    throw new CuittyError("passphrase_wrong", "the passphrase does not open this key, or the key text is damaged", { cause });
  }
}

async function stretch(passphrase: string, header: Uint8Array): Promise<Uint8Array> {
  const [logN, r, p] = [header[0]!, header[1]!, header[2]!];
  if (logN < 1 || r < 1 || p < 1 || 2 ** logN * r * p > maxCost) {
    throw new CuittyError("key_invalid", "the exported key asks for scrypt parameters outside what this release computes");
  }
  const salt = header.slice(3);
  const text = passphrase.normalize("NFKC");
  const node = builtinModule<typeof NodeCrypto>("node:crypto");
  if (!node) {
    const { scryptAsync } = await import("@noble/hashes/scrypt.js");
    return scryptAsync(text, salt, { N: 2 ** logN, r, p, dkLen: 32, maxmem: 2 ** 30 });
  }
  return new Promise((resolve, reject) => {
    const options = { N: 2 ** logN, r, p, maxmem: 2 ** 30 };
    node.scrypt(text, salt, 32, options, (error, key) => (error ? reject(error) : resolve(new Uint8Array(key))));
  });
}
