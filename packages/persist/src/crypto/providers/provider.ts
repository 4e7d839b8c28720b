// What a cryptographic provider must do, and which one serves where. All of them give identical bytes.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { builtinModule } from "../builtin-module.ts";
import type { Awaitable } from "../bytes.ts";

/** `node`: node:crypto, synchronous (Node, Bun, Deno). `webcrypto`: the platform's SubtleCrypto. `noble`: JavaScript, everywhere. */
export type ProviderName = "node" | "webcrypto" | "noble";

/** A key in the provider's own shape; made once, used many times. */
export interface PreparedKey {
  readonly bytes: Uint8Array;
  readonly handle: unknown;
}

export interface CryptoProvider {
  readonly name: ProviderName;
  /** Every answer is a value, never a promise: what is handed in may be reused as soon as the call returns. */
  readonly isSync: boolean;
  sha256(data: Uint8Array): Awaitable<Uint8Array>;
  /** HMAC-SHA-256, any key length. Source: RFC 2104. */
  hmacKey(key: Uint8Array): Awaitable<PreparedKey>;
  hmac(key: PreparedKey, data: Uint8Array): Awaitable<Uint8Array>;
  /** AES key of 16, 24 or 32 bytes. */
  gcmKey(key: Uint8Array): Awaitable<PreparedKey>;
  /** Whether this provider can use that key and nonce. Source: NIST SP 800-38D allows every nonce of 1 bit to 2^64-1 bits. */
  canGcm(keyBytes: number, nonceBytes: number): boolean;
  /** Ciphertext followed by the 16-byte tag. */
  gcmSeal(key: PreparedKey, message: GcmMessage): Awaitable<Uint8Array>;
  /** As `gcmSeal`, written into `target` from `offset` on: spares a put two buffers. Synchronous providers may have it. */
  gcmSealInto?(key: PreparedKey, message: GcmMessage, target: Uint8Array, offset: number): void;
  /** Plaintext, or undefined when the tag does not fit. */
  gcmOpen(key: PreparedKey, message: GcmMessage): Awaitable<Uint8Array | undefined>;
}

export interface GcmMessage {
  readonly nonce: Uint8Array;
  readonly aad: Uint8Array;
  /** Plaintext to seal, or ciphertext and tag to open. */
  readonly data: Uint8Array;
}

/** The named provider, or the best of this runtime: node:crypto, else WebCrypto, else noble. Errors: `unsupported` when the named one does not exist here. */
export async function loadProvider(name?: ProviderName): Promise<CryptoProvider> {
  const wanted = name ?? (builtinModule("node:crypto") ? "node" : globalThis.crypto?.subtle ? "webcrypto" : "noble");
  if (wanted === "node" && builtinModule("node:crypto")) return (await import("./node.ts")).nodeProvider();
  if (wanted === "webcrypto" && globalThis.crypto?.subtle) return (await import("./webcrypto.ts")).webCryptoProvider();
  if (wanted === "noble") return (await import("./noble.ts")).nobleProvider();
  if (wanted !== "node" && wanted !== "webcrypto") {
    throw new CuittyError("invalid_option", `provider must be "node", "webcrypto" or "noble", got ${JSON.stringify(wanted)}`);
  }
  throw new CuittyError(
    "unsupported",
    `this runtime has no ${wanted === "node" ? "node:crypto" : "WebCrypto"}; leave out "provider" to use what it has`,
  );
}

/** Fresh random bytes from the platform's generator. */
export function randomBytes(size: number): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(size));
}
