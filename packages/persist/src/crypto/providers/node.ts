// node:crypto as provider: synchronous, the fastest on Node, Bun and Deno.
import type * as NodeCrypto from "node:crypto";
import { builtinModule } from "../builtin-module.ts";
import type { CryptoProvider, GcmMessage, PreparedKey } from "./provider.ts";

const tagBytes = 16;
const blockBytes = 64;
const digestBytes = 32;
const shortMessageBytes = 384;
const tagOptions = { authTagLength: tagBytes } as const;
/** OpenSSL's EVP interface takes at most 128 bytes of nonce. */
const maxNonceBytes = 128;

export function nodeProvider(): CryptoProvider {
  const crypto = builtinModule<typeof NodeCrypto>("node:crypto")!;
  return {
    name: "node",
    isSync: true,
    sha256: (data) => crypto.createHash("sha256").update(data).digest(),
    hmacKey: (bytes) => ({ bytes, handle: padsOf(bytes) }),
    hmac: (key, data) => hmac(crypto, key, data),
    gcmKey: (bytes) => ({ bytes, handle: crypto.createSecretKey(bytes) }),
    canGcm: (_keyBytes, nonceBytes) => nonceBytes <= maxNonceBytes,
    gcmSeal(key, message) {
      const sealed = new Uint8Array(message.data.length + tagBytes);
      sealInto(crypto, { key, message, target: sealed, offset: 0 });
      return sealed;
    },
    gcmSealInto: (key, message, target, offset) => sealInto(crypto, { key, message, target, offset }),
    gcmOpen: (key, message) => open(crypto, key, message),
  };
}

interface Pads {
  /** The block of the inner hash, with room for a short message behind it. */
  readonly inner: Uint8Array;
  /** The block of the outer hash, with room for the inner digest. */
  readonly outer: Uint8Array;
}

type OneShot = (algorithm: "sha256", data: Uint8Array, encoding: "latin1") => string;

/** RFC 2104 with both blocks prepared; undefined for keys longer than a block, which are rare. */
function padsOf(key: Uint8Array): Pads | undefined {
  if (key.length > blockBytes) return undefined;
  const inner = new Uint8Array(blockBytes + shortMessageBytes).fill(0x36, 0, blockBytes);
  const outer = new Uint8Array(blockBytes + digestBytes).fill(0x5c, 0, blockBytes);
  for (let i = 0; i < key.length; i++) {
    inner[i]! ^= key[i]!;
    outer[i]! ^= key[i]!;
  }
  return { inner, outer };
}

/** Two one-shot hashes cost half of an Hmac object; path tokens are many short messages. `crypto.hash` is younger than Node 20.0. */
function hmac(crypto: typeof NodeCrypto, key: PreparedKey, data: Uint8Array): Uint8Array {
  const pads = key.handle as Pads | undefined;
  const hash = (crypto as unknown as { hash?: OneShot }).hash;
  if (!pads || !hash || data.length > shortMessageBytes) return crypto.createHmac("sha256", key.bytes).update(data).digest();
  pads.inner.set(data, blockBytes);
  setLatin1(pads.outer, blockBytes, hash("sha256", pads.inner.subarray(0, blockBytes + data.length), "latin1"));
  const digest = new Uint8Array(digestBytes);
  setLatin1(digest, 0, hash("sha256", pads.outer, "latin1"));
  return digest;
}

/** A digest as text and back costs half of one as a Buffer, which takes memory outside the heap. */
function setLatin1(bytes: Uint8Array, offset: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[offset + i] = text.charCodeAt(i);
}

function cipherName(key: PreparedKey): NodeCrypto.CipherGCMTypes {
  if (key.bytes.length === 32) return "aes-256-gcm";
  return key.bytes.length === 24 ? "aes-192-gcm" : "aes-128-gcm";
}

interface Sealing {
  readonly key: PreparedKey;
  readonly message: GcmMessage;
  readonly target: Uint8Array;
  readonly offset: number;
}

function sealInto(crypto: typeof NodeCrypto, { key, message: { nonce, aad, data }, target, offset }: Sealing): void {
  const cipher = crypto.createCipheriv(cipherName(key), key.handle as NodeCrypto.KeyObject, nonce, tagOptions);
  cipher.setAAD(aad);
  target.set(cipher.update(data), offset);
  cipher.final();
  target.set(cipher.getAuthTag(), offset + data.length);
}

function open(crypto: typeof NodeCrypto, key: PreparedKey, { nonce, aad, data }: GcmMessage): Uint8Array | undefined {
  const split = data.length - tagBytes;
  if (split < 0) return undefined;
  const decipher = crypto.createDecipheriv(cipherName(key), key.handle as NodeCrypto.KeyObject, nonce, tagOptions);
  decipher.setAAD(aad);
  decipher.setAuthTag(data.subarray(split));
  const plaintext = decipher.update(data.subarray(0, split));
  try {
    decipher.final();
  } catch {
    // The only failure `final` has for GCM is a tag that does not fit; the plaintext above is never handed out.
    return undefined;
  }
  return plaintext;
}
