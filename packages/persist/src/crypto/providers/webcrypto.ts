// SubtleCrypto as provider: asynchronous, native speed for large values in a browser.
import type { CryptoProvider, GcmMessage, PreparedKey } from "./provider.ts";

const tagBits = 128;
type Source = Uint8Array<ArrayBuffer>;

export function webCryptoProvider(): CryptoProvider {
  const subtle = globalThis.crypto.subtle;
  return {
    name: "webcrypto",
    isSync: false,
    sha256: async (data) => new Uint8Array(await subtle.digest("SHA-256", data as Source)),
    hmacKey: async (bytes) => {
      // HMAC pads keys with zeros to a block; WebCrypto refuses an empty key, and a block of zeros is the same key.
      const raw = (bytes.length === 0 ? new Uint8Array(64) : bytes) as Source;
      return { bytes, handle: await subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]) };
    },
    hmac: async (key, data) => new Uint8Array(await subtle.sign("HMAC", key.handle as CryptoKey, data as Source)),
    gcmKey: async (bytes) => ({
      bytes,
      handle: await subtle.importKey("raw", bytes as Source, "AES-GCM", false, ["encrypt", "decrypt"]),
    }),
    // Chromium has no AES-192, and OpenSSL behind Node's WebCrypto refuses nonces below 12 and above 128 bytes.
    canGcm: (keyBytes, nonceBytes) => keyBytes !== 24 && nonceBytes >= 12 && nonceBytes <= 128,
    gcmSeal: async (key, { nonce, aad, data }) =>
      new Uint8Array(await subtle.encrypt(parameters(nonce, aad), key.handle as CryptoKey, data as Source)),
    gcmOpen: (key, message) => open(subtle, key, message),
  };
}

function parameters(nonce: Uint8Array, aad: Uint8Array): AesGcmParams {
  return { name: "AES-GCM", iv: nonce as Source, additionalData: aad as Source, tagLength: tagBits };
}

async function open(subtle: SubtleCrypto, key: PreparedKey, { nonce, aad, data }: GcmMessage): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await subtle.decrypt(parameters(nonce, aad), key.handle as CryptoKey, data as Source));
  } catch (error) {
    if ((error as { name?: string }).name === "OperationError") return undefined;
    throw error;
  }
}
