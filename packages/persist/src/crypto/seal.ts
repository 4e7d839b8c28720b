// `seal` and `open`: one value, one key, one context; the envelope of the store without a store.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { isWellFormed } from "./bytes.ts";
import { nonceBytes, openEnvelope, type Place, readHeader, saltBytes, scopeOf, sealEnvelope } from "./envelope.ts";
import { bytesOf, type ProviderOption } from "./primitives.ts";
import { type CryptoProvider, loadProvider, randomBytes } from "./providers/provider.ts";
import { createSegments, deriveSegment, type SegmentSource } from "./segment.ts";
import { createPathTokens } from "./tokens.ts";

const noStore = new Uint8Array(0);
/** It stands in 32 bits of the envelope. */
const maxEpoch = 2 ** 32 - 1;

export interface SealOptions extends ProviderOption {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** What the value belongs to: a path, an id, a purpose. Opening needs the same. @default "" */
  readonly context?: string | undefined;
  /** Names the key among several; stands readable in the envelope, 1 to 2^32-1. @default 1 */
  readonly epoch?: number | undefined;
  /** Source of fresh bytes, for reproducible tests only: repeating its output under one key breaks the encryption. */
  readonly random?: ((size: number) => Uint8Array) | undefined;
}

/** Seals with a key of its own for this value, derived with a fresh salt. Adds 93 bytes. Errors: `invalid_parameter`. */
export async function seal(plaintext: Uint8Array, options: SealOptions): Promise<Uint8Array> {
  const { random = randomBytes, epoch = 1 } = options ?? {};
  if (!Number.isInteger(epoch) || epoch < 1 || epoch > maxEpoch)
    throw new CuittyError("invalid_parameter", `epoch must be a whole number from 1 to ${maxEpoch}, got ${String(epoch)}`);
  const { provider, source, place } = await prepare(options);
  const segment = await deriveSegment({ ...source, random }, epoch, random(saltBytes));
  return new Uint8Array(
    await sealEnvelope(provider, { segment, place, random: random(nonceBytes), plaintext: bytesOf(plaintext, "plaintext") }),
  );
}

/** Opens what `seal` made with the same key and context. Errors: `wrong_key`, `tampered`, `newer_format`, `invalid_parameter`. */
export async function open(envelope: Uint8Array, options: Omit<SealOptions, "random" | "epoch">): Promise<Uint8Array> {
  const sealed = bytesOf(envelope, "envelope");
  readHeader(sealed);
  const { provider, source, place } = await prepare(options);
  const segment = await createSegments(source).forReading(sealed);
  return new Uint8Array(await openEnvelope(provider, { segment, place, envelope: sealed }));
}

async function prepare(options: SealOptions): Promise<{ provider: CryptoProvider; source: SegmentSource; place: Place }> {
  const key = bytesOf(options?.key, "key");
  if (key.length !== 32) throw new CuittyError("invalid_parameter", `key must be 32 bytes, got ${key.length}`);
  const context = checkContext(options.context ?? "");
  const provider = await loadProvider(options.provider);
  const tokens = await createPathTokens({ provider, storeId: noStore, rootKey: key });
  const place = { scope: scopeOf(noStore, "seal"), key: context, mask: await tokens.mask(context) };
  return { provider, place, source: { provider, storeId: noStore, epochKey: () => key, random: randomBytes } };
}

/** As UTF-8 every lone surrogate is the same replacement character: two contexts would be one. */
function checkContext(context: unknown): string {
  if (typeof context !== "string") throw new CuittyError("invalid_parameter", `context must be a string, got ${typeof context}`);
  if (!isWellFormed(context)) throw new CuittyError("invalid_parameter", "context must be well-formed Unicode, got a lone surrogate");
  return context;
}

/** A random 32-byte key. */
export function generateKey(): Uint8Array {
  return randomBytes(32);
}
