// The store's first row: what format it has, whether it is encrypted, and its key ring sealed under the newest key.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { AdapterOp, PersistAdapter } from "../adapter.ts";
import { base64UrlToBytes, bytesToBase64Url, bytesToHex, utf8, utf8ToText } from "../crypto/bytes.ts";
import { nonceBytes, openEnvelope, readHeader, saltBytes, scopeOf, sealEnvelope } from "../crypto/envelope.ts";
import { createKeyRing, type KeyRing } from "../crypto/key-ring.ts";
import type { CryptoProvider } from "../crypto/providers/provider.ts";
import { createSegments, deriveSegment } from "../crypto/segment.ts";
import { createPathTokens } from "../crypto/tokens.ts";
import { assertKnownFormat, currentFormat } from "./format.ts";

export const manifestKey = "meta/manifest";

/** As stored, readable: enough to know what is needed to open the rest. */
export interface Manifest {
  readonly cuitty: "persist";
  readonly format: number;
  /** 16 random bytes as hex. */
  readonly storeId: string;
  readonly encrypted: boolean;
  /** Epoch of the key that seals `sealed`. */
  readonly epoch?: number;
  /** The inner manifest as an envelope, base64url. */
  readonly sealed?: string;
}

interface InnerManifest {
  readonly format: number;
  readonly storeId: string;
  readonly encrypted: true;
  readonly rootEpoch: number;
  readonly keys: Readonly<Record<string, string>>;
}

export interface OpenedManifest {
  readonly ring: KeyRing;
  readonly rootEpoch: number;
  /** @default the current one */
  readonly format?: number;
}

/** Errors: `newer_format`, `corrupt`. Undefined when the adapter has no manifest. */
export async function readManifest(adapter: PersistAdapter, bytes: boolean): Promise<Manifest | undefined> {
  const value = await adapter.get(manifestKey);
  if (value === undefined || value === null) return undefined;
  const manifest = parse(value, bytes);
  if (manifest?.cuitty !== "persist" || typeof manifest.format !== "number" || !/^[0-9a-f]{32}$/.test(manifest.storeId)) {
    throw new CuittyError("corrupt", "the store's manifest cannot be read; restore a backup, or name another place");
  }
  assertKnownFormat(manifest.format);
  return manifest;
}

function parse(value: unknown, bytes: boolean): Manifest | undefined {
  try {
    return bytes ? (JSON.parse(value as string) as Manifest) : (value as Manifest);
  } catch {
    return undefined;
  }
}

/** The change that stores a manifest. */
export function manifestPut(bytes: boolean, manifest: Manifest): AdapterOp & { readonly type: "put" } {
  return { type: "put", key: manifestKey, value: bytes ? JSON.stringify(manifest) : manifest };
}

export async function writeManifest(adapter: PersistAdapter, bytes: boolean, manifest: Manifest): Promise<void> {
  const { key, value } = manifestPut(bytes, manifest);
  await adapter.put(key, value);
}

export function plainManifest(storeId: Uint8Array, format = currentFormat): Manifest {
  return { cuitty: "persist", format, storeId: bytesToHex(storeId), encrypted: false };
}

export interface ManifestCrypto {
  readonly provider: CryptoProvider;
  readonly storeId: Uint8Array;
  readonly random: (size: number) => Uint8Array;
}

/** Seals the whole ring under its newest key. */
export async function sealManifest(crypto: ManifestCrypto, { ring, rootEpoch, format = currentFormat }: OpenedManifest): Promise<Manifest> {
  const { provider, storeId, random } = crypto;
  const keys = Object.fromEntries(ring.epochs.map((epoch) => [epoch, bytesToBase64Url(ring.key(epoch)!)]));
  const inner: InnerManifest = { format, storeId: bytesToHex(storeId), encrypted: true, rootEpoch, keys };
  const segment = await deriveSegment({ ...crypto, epochKey: ring.key }, ring.newest, random(saltBytes));
  const place = await placeOf(crypto, ring.key(ring.newest)!);
  const envelope = await sealEnvelope(provider, { segment, place, random: random(nonceBytes), plaintext: utf8(JSON.stringify(inner)) });
  return {
    cuitty: "persist",
    format,
    storeId: inner.storeId,
    encrypted: true,
    epoch: ring.newest,
    sealed: bytesToBase64Url(envelope),
  };
}

/** Opens it with any ring that holds its epoch's key. Errors: `wrong_key`, `tampered`. */
export async function openManifest(crypto: ManifestCrypto, manifest: Manifest, ring: KeyRing): Promise<OpenedManifest> {
  const epoch = manifest.epoch ?? 0;
  const key = ring.key(epoch);
  const envelope = base64UrlToBytes(manifest.sealed ?? "");
  if (!envelope || readHeader(envelope).epoch !== epoch) throw damaged();
  if (!key) {
    throw new CuittyError(
      "wrong_key",
      `the store's newest key has epoch ${epoch}, the key given has epoch ${ring.newest}: pass the key exported after the last rotation`,
    );
  }
  let text: string;
  try {
    const segment = await createSegments({ ...crypto, epochKey: ring.key }).forReading(envelope);
    text = utf8ToText(await openEnvelope(crypto.provider, { segment, place: await placeOf(crypto, key), envelope }));
  } catch (error) {
    if (isCuittyError(error, "wrong_key")) {
      throw new CuittyError("wrong_key", "this is not the key of this store; nothing was written", { cause: error });
    }
    throw error;
  }
  const inner = JSON.parse(text) as InnerManifest;
  if (inner.storeId !== manifest.storeId || inner.format !== manifest.format) throw damaged();
  const keys = Object.entries(inner.keys).map(([name, value]) => [Number(name), base64UrlToBytes(value)!] as const);
  return { ring: createKeyRing(keys).with(ring), rootEpoch: inner.rootEpoch };
}

async function placeOf({ provider, storeId }: ManifestCrypto, key: Uint8Array) {
  const tokens = await createPathTokens({ provider, storeId, rootKey: key });
  return { scope: scopeOf(storeId, "meta"), key: manifestKey, mask: await tokens.mask(manifestKey) };
}

function damaged(): CuittyError {
  return new CuittyError("tampered", "the store's manifest was changed; restore a backup");
}
