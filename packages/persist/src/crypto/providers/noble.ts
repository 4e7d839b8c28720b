// noble as provider: pure JavaScript, for runtimes without another one and for the key and nonce sizes the others refuse.
import { ghash } from "@noble/ciphers/_polyval.js";
import { gcm, unsafe } from "@noble/ciphers/aes.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { equalBytes } from "../bytes.ts";
import type { CryptoProvider, GcmMessage, PreparedKey } from "./provider.ts";

const tagBytes = 16;
/** noble's own GCM starts at 8 bytes; below, the same primitives are composed here. */
const nobleMinNonceBytes = 8;

export function nobleProvider(): CryptoProvider {
  return {
    name: "noble",
    isSync: true,
    sha256: (data) => sha256(data),
    hmacKey: (bytes) => ({ bytes, handle: undefined }),
    hmac: (key, data) => hmac(sha256, key.bytes, data),
    gcmKey: (bytes) => ({ bytes, handle: undefined }),
    canGcm: () => true,
    gcmSeal: (key, message) =>
      message.nonce.length < nobleMinNonceBytes
        ? sealShortNonce(key, message)
        : gcm(key.bytes, message.nonce, message.aad).encrypt(message.data),
    gcmOpen: open,
  };
}

function open(key: PreparedKey, message: GcmMessage): Uint8Array | undefined {
  if (message.data.length < tagBytes) return undefined;
  if (message.nonce.length < nobleMinNonceBytes) return openShortNonce(key, message);
  try {
    return gcm(key.bytes, message.nonce, message.aad).decrypt(message.data);
  } catch (error) {
    if (/invalid tag/.test((error as Error).message)) return undefined;
    throw error;
  }
}

/** Counter mode from inc32(J0) and the tag mask. Source: NIST SP 800-38D section 7.1, J0 for nonces other than 96 bits. */
function begin(key: PreparedKey, nonce: Uint8Array) {
  const expanded = unsafe.expandKeyLE(key.bytes);
  const authKey = new Uint8Array(16);
  unsafe.ctr32(expanded, false, new Uint8Array(16), new Uint8Array(16), authKey);
  const counter = ghash.create(authKey).update(nonce).update(lengths(0, nonce.length)).digest();
  const mask = unsafe.ctr32(expanded, false, counter, new Uint8Array(16));
  return { expanded, authKey, counter, mask };
}

function lengths(aadBytes: number, dataBytes: number): Uint8Array {
  const block = new Uint8Array(16);
  const view = new DataView(block.buffer);
  view.setBigUint64(0, BigInt(aadBytes) * 8n, false);
  view.setBigUint64(8, BigInt(dataBytes) * 8n, false);
  return block;
}

function tagOf(authKey: Uint8Array, mask: Uint8Array, { aad, data }: { aad: Uint8Array; data: Uint8Array }): Uint8Array {
  const hash = ghash.create(authKey).update(aad).update(data).update(lengths(aad.length, data.length)).digest();
  return hash.map((byte, i) => byte ^ mask[i]!);
}

function sealShortNonce(key: PreparedKey, { nonce, aad, data }: GcmMessage): Uint8Array {
  const { expanded, authKey, counter, mask } = begin(key, nonce);
  const sealed = new Uint8Array(data.length + tagBytes);
  const ciphertext = unsafe.ctr32(expanded, false, counter, new Uint8Array(data));
  sealed.set(ciphertext);
  sealed.set(tagOf(authKey, mask, { aad, data: ciphertext }), data.length);
  return sealed;
}

function openShortNonce(key: PreparedKey, { nonce, aad, data }: GcmMessage): Uint8Array | undefined {
  const { expanded, authKey, counter, mask } = begin(key, nonce);
  const ciphertext = new Uint8Array(data.subarray(0, data.length - tagBytes));
  const fits = equalBytes(tagOf(authKey, mask, { aad, data: ciphertext }), data.subarray(data.length - tagBytes));
  return fits ? unsafe.ctr32(expanded, false, counter, ciphertext) : undefined;
}
