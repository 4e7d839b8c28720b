// The manifest of an encrypted store: its key ring sealed under the newest key.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { PersistAdapter } from "../adapter.ts";
import { base64UrlToBytes, bytesToBase64Url, bytesToHex, utf8, utf8ToText } from "../crypto/bytes.ts";
import { nonceBytes, openEnvelope, readHeader, saltBytes, scopeOf, sealEnvelope } from "../crypto/envelope.ts";
import { createKeyRing, type KeyRing } from "../crypto/key-ring.ts";
import type { CryptoProvider } from "../crypto/providers/provider.ts";
import { createSegments, deriveSegment } from "../crypto/segment.ts";
import { createPathTokens } from "../crypto/tokens.ts";
import { currentFormat } from "./format.ts";
import { type Manifest, manifestKey, manifestPut, readManifest } from "./manifest.ts";

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

/** Stores it in place of the value `before`, where nobody else has replaced that; false when somebody has. */
export async function replaceManifest(
  adapter: PersistAdapter,
  bytes: boolean,
  { manifest, before }: { readonly manifest: Manifest; readonly before: unknown },
): Promise<boolean> {
  const put = manifestPut(bytes, manifest);
  if (adapter.batch) await adapter.batch([{ ...put, expect: before }]);
  else await adapter.put(put.key, put.value);
  return (await readManifest(adapter, bytes))?.sealed === manifest.sealed;
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
      ring.newest < epoch
        ? `the store's newest key has epoch ${epoch}, the key given has epoch ${ring.newest}: pass the key exported after the last rotation`
        : `the store's newest key has epoch ${epoch}, the key given is of epoch ${ring.oldest} and later: the store is a copy from before a rotation, so pass the key or the recovery code of that time, or an export with all keys`,
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
