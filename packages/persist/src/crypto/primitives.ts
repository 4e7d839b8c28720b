// AES-GCM, HKDF-SHA-256 and HMAC-SHA-256 as plain functions over the three providers.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { type Awaitable, concatBytes } from "./bytes.ts";
import { type CryptoProvider, loadProvider, type ProviderName } from "./providers/provider.ts";

const empty = new Uint8Array(0);
const hashBytes = 32;
const tagBytes = 16;
/** RFC 5869 section 2.3: at most 255 blocks. */
const maxHkdfBytes = 255 * hashBytes;

export interface ProviderOption {
  /** @default the fastest of this runtime: node:crypto, else WebCrypto, else noble */
  readonly provider?: ProviderName;
}

export interface HmacOptions extends ProviderOption {
  /** Any length, also empty. */
  readonly key: Uint8Array;
}

export interface HkdfOptions extends ProviderOption {
  /** @default empty, which RFC 5869 defines as 32 zero bytes */
  readonly salt?: Uint8Array | undefined;
  /** @default empty */
  readonly info?: Uint8Array | undefined;
  /** Bytes of output, 1 to 8,160 (255 blocks). */
  readonly length: number;
}

export interface AesGcmOptions extends ProviderOption {
  /** 16, 24 or 32 bytes. */
  readonly key: Uint8Array;
  /** At least one byte. Never use one twice with the same key. */
  readonly nonce: Uint8Array;
  /** Authenticated, not encrypted. @default empty */
  readonly aad?: Uint8Array | undefined;
}

/** HMAC-SHA-256 of `data`, 32 bytes. Source: RFC 2104, FIPS 198-1. Errors: `invalid_parameter`. */
export async function hmacSha256(data: Uint8Array, options: HmacOptions): Promise<Uint8Array> {
  const message = bytesOf(data, "data");
  const key = bytesOf(options?.key, "key");
  const provider = await loadProvider(options.provider);
  return plain(await provider.hmac(await provider.hmacKey(key), message));
}

/** HKDF-SHA-256 of the input key material. Source: RFC 5869. Errors: `invalid_parameter` for a length outside 1 to 8,160 bytes. */
export async function hkdfSha256(ikm: Uint8Array, options: HkdfOptions): Promise<Uint8Array> {
  const material = bytesOf(ikm, "ikm");
  const { salt = empty, info = empty, length, provider: name } = options ?? ({} as Partial<HkdfOptions>);
  if (length === undefined || !Number.isInteger(length) || length < 1 || length > maxHkdfBytes) {
    throw new CuittyError("invalid_parameter", `length must be 1 to ${maxHkdfBytes} bytes, got ${String(length)}`);
  }
  const provider = await loadProvider(name);
  return hkdf(provider, material, { salt: bytesOf(salt, "salt"), info: bytesOf(info, "info"), length });
}

/** HKDF with a provider at hand. */
export async function hkdf(
  provider: CryptoProvider,
  ikm: Uint8Array,
  { salt, info, length }: { readonly salt: Uint8Array; readonly info: Uint8Array; readonly length: number },
): Promise<Uint8Array> {
  const extractKey = await provider.hmacKey(salt.length === 0 ? new Uint8Array(hashBytes) : salt);
  const expandKey = await provider.hmacKey(plain(await provider.hmac(extractKey, ikm)));
  const output = new Uint8Array(Math.ceil(length / hashBytes) * hashBytes);
  let block: Uint8Array = empty;
  for (let i = 1; (i - 1) * hashBytes < length; i++) {
    block = await provider.hmac(expandKey, concatBytes(block, info, Uint8Array.of(i)));
    output.set(block, (i - 1) * hashBytes);
  }
  return output.slice(0, length);
}

/** Ciphertext followed by the 16-byte tag. Source: NIST SP 800-38D. Errors: `invalid_parameter`. */
async function encrypt(plaintext: Uint8Array, options: AesGcmOptions): Promise<Uint8Array> {
  const data = bytesOf(plaintext, "plaintext");
  return run(options, async (provider, { aad, nonce, key }) =>
    plain(await provider.gcmSeal(await provider.gcmKey(key), { nonce, aad, data })),
  );
}

/** Plaintext of ciphertext and tag, the tag last or given as `tag`. Errors: `tampered` when the tag does not fit, `invalid_parameter`. */
async function decrypt(ciphertext: Uint8Array, options: AesGcmOptions & { readonly tag?: Uint8Array }): Promise<Uint8Array> {
  const body = bytesOf(ciphertext, "ciphertext");
  const tag = options?.tag === undefined ? empty : bytesOf(options.tag, "tag");
  if (options?.tag !== undefined && tag.length !== tagBytes) {
    throw new CuittyError("invalid_parameter", `tag must be ${tagBytes} bytes, got ${tag.length}`);
  }
  const data = tag.length === 0 ? body : concatBytes(body, tag);
  return run(options, async (provider, { aad, nonce, key }) => {
    const opened = await provider.gcmOpen(await provider.gcmKey(key), { nonce, aad, data });
    if (opened === undefined) {
      throw new CuittyError(
        "tampered",
        "the authentication tag does not fit: the key, nonce, associated data or ciphertext is not the one that was sealed",
      );
    }
    return plain(opened);
  });
}

/**
 * AES-GCM with a 16-byte tag: keys of 128, 192 and 256 bits, nonces of any length from one byte.
 * A provider that cannot take a key or nonce size hands that call to noble, which gives the same bytes: WebCrypto for 192-bit keys and nonces
 * outside 12 to 128 bytes, node:crypto for nonces above 128 bytes. `aesGcm.provider` tells which one a call would use.
 */
export const aesGcm = {
  encrypt,
  decrypt,
  async provider(options: {
    readonly provider?: ProviderName;
    readonly keyBytes: number;
    readonly nonceBytes: number;
  }): Promise<ProviderName> {
    const { provider, keyBytes, nonceBytes } = options ?? {};
    if (!Number.isInteger(keyBytes) || !Number.isInteger(nonceBytes))
      throw new CuittyError("invalid_parameter", "aesGcm.provider takes keyBytes and nonceBytes, both whole numbers");
    return (await capableProvider(provider, keyBytes, nonceBytes)).name;
  },
} as const;

async function capableProvider(name: ProviderName | undefined, keyBytes: number, nonceBytes: number): Promise<CryptoProvider> {
  const provider = await loadProvider(name);
  return provider.canGcm(keyBytes, nonceBytes) ? provider : loadProvider("noble");
}

interface CheckedGcm {
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  readonly aad: Uint8Array;
}

async function run(
  options: AesGcmOptions,
  body: (provider: CryptoProvider, checked: CheckedGcm) => Awaitable<Uint8Array>,
): Promise<Uint8Array> {
  const key = bytesOf(options?.key, "key");
  const nonce = bytesOf(options.nonce, "nonce");
  const aad = options.aad === undefined ? empty : bytesOf(options.aad, "aad");
  if (key.length !== 16 && key.length !== 24 && key.length !== 32) {
    throw new CuittyError("invalid_parameter", `an AES key has 16, 24 or 32 bytes, got ${key.length}`);
  }
  if (nonce.length === 0) throw new CuittyError("invalid_parameter", "nonce must have at least one byte (12 are usual), got none");
  return body(await capableProvider(options.provider, key.length, nonce.length), { key, nonce, aad });
}

/** A Uint8Array of its own memory: never a view into a pool, never a Buffer. */
function plain(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array && bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
}

/** Memory that other threads share is copied: WebCrypto refuses it, and it could change between two readings. */
export function bytesOf(value: unknown, name: string): Uint8Array {
  const isBytes = value instanceof Uint8Array || kindOf(value) === "[object Uint8Array]";
  if (isBytes)
    return kindOf((value as Uint8Array).buffer) === "[object SharedArrayBuffer]"
      ? new Uint8Array(value as Uint8Array)
      : (value as Uint8Array);
  throw new CuittyError("invalid_parameter", `${name} must be a Uint8Array, got ${value === null ? "null" : typeof value}`);
}

/** Also of values of another realm. */
function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value);
}
