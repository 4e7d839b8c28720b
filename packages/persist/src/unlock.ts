// Opens the manifest: makes a new store, or finds the key of an existing one and proves it before anything is written.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { capabilitiesOf, type PersistAdapter } from "./adapter.ts";
import { migrateFormat } from "./core/format.ts";
import {
  type Manifest,
  type ManifestCrypto,
  manifestPut,
  openManifest,
  plainManifest,
  readManifest,
  sealManifest,
  writeManifest,
} from "./core/manifest.ts";
import { createPlainCodec } from "./core/plain-codec.ts";
import type { RowCodec } from "./core/row.ts";
import { createSealedCodec } from "./core/sealed-codec.ts";
import { bytesToHex } from "./crypto/bytes.ts";
import { createKeyRing, type KeyRing, ringToText, textToRing } from "./crypto/key-ring.ts";
import { type CryptoProvider, loadProvider, randomBytes } from "./crypto/providers/provider.ts";
import { createRandomPool } from "./crypto/random-pool.ts";
import { createSegments } from "./crypto/segment.ts";
import { createPathTokens, type PathTokens } from "./crypto/tokens.ts";
import { createKeyStorage, type KeyStorage } from "./keys/key-storage.ts";
import { keyPlacesOf } from "./open-adapter.ts";
import type { CheckedOptions } from "./options.ts";

const storeIdBytes = 16;

/** The keys of an open encrypted store. */
export interface Vault {
  readonly provider: CryptoProvider;
  readonly storage: KeyStorage;
  readonly tokens: PathTokens;
  readonly ring: KeyRing;
  /** Saves the new ring to the device's key place, then seals the manifest with it, then writes with its newest key. */
  extend(ring: KeyRing): Promise<void>;
  /** Reads the manifest again; true when it brought new keys. */
  refresh(): Promise<boolean>;
}

export interface Unlocked {
  readonly codec: RowCodec;
  readonly storeId: Uint8Array;
  readonly vault: Vault | undefined;
}

/** Errors: `store_encrypted`, `store_not_encrypted`, `wrong_key`, `key_missing`, `key_storage_missing`, `newer_format`, `corrupt`. */
export async function unlock(adapter: PersistAdapter, options: CheckedOptions): Promise<Unlocked> {
  const { bytes } = capabilitiesOf(adapter);
  const manifest = await readManifest(adapter, bytes);
  if (!manifest && (await hasRows(adapter))) {
    throw new CuittyError(
      "corrupt",
      "the place holds rows but no manifest: it belongs to something else, or its manifest was lost; restore a backup or name another place",
    );
  }
  if (manifest && manifest.encrypted !== options.encrypt) throw mismatch(manifest);
  if (options.encrypt) return unlockEncrypted(adapter, options, manifest);
  const storeId = manifest ? hexToBytes(manifest.storeId) : randomBytes(storeIdBytes);
  if (!manifest) await writeManifest(adapter, bytes, plainManifest(storeId));
  else
    await migrateFormat({
      adapter,
      from: manifest.format,
      manifestOp: async (format) => manifestPut(bytes, plainManifest(storeId, format)),
    });
  return { codec: createPlainCodec({ bytes }), storeId, vault: undefined };
}

function mismatch(manifest: Manifest): CuittyError {
  return manifest.encrypted
    ? new CuittyError("store_encrypted", "the store is encrypted; open it with encrypt: true")
    : new CuittyError(
        "store_not_encrypted",
        "the store exists and is not encrypted; export it and import it into a new store with encrypt: true",
      );
}

async function hasRows(adapter: PersistAdapter): Promise<boolean> {
  if (adapter.range) return (await adapter.range({ prefix: "", limit: 1 })).length > 0;
  for await (const _entry of await adapter.list("")) return true;
  return false;
}

async function unlockEncrypted(adapter: PersistAdapter, options: CheckedOptions, manifest: Manifest | undefined): Promise<Unlocked> {
  const { bytes } = capabilitiesOf(adapter);
  const provider = await loadProvider();
  const storeId = manifest ? hexToBytes(manifest.storeId) : randomBytes(storeIdBytes);
  const crypto: ManifestCrypto = { provider, storeId, random: randomBytes };
  const storage = createKeyStorage(await keyPlacesOf(options), 'pass `keyFile`, or `key` with keyStorage "none"');
  const given = await givenRing(provider, options, manifest);
  const ring = given ?? (manifest ? await savedRing(provider, storage, storeId) : newRing());
  if (!ring) {
    throw new CuittyError(
      "key_missing",
      "the key of this store was not found (keychain locked, or key file lost); pass `key`: an exported key or the recovery code",
    );
  }
  // The commitment is checked here: with a wrong key nothing below is reached.
  const opened = manifest ? await openManifest(crypto, manifest, ring) : { ring, rootEpoch: ring.oldest };
  // The key first: a manifest whose key was never saved would be a store nobody can open.
  if (!manifest || (given && storage.isLasting)) await saveKey({ provider, storage, storeId }, opened.ring, options);
  if (!manifest || opened.ring.newest !== manifest.epoch) await writeManifest(adapter, bytes, await sealManifest(crypto, opened));
  if (manifest) {
    const manifestOp = async (format: number) => manifestPut(bytes, await sealManifest(crypto, { ...opened, format }));
    await migrateFormat({ adapter, from: manifest.format, manifestOp });
  }
  const vault = await createVault({ adapter, bytes, crypto, storage, opened });
  const codec = createSealedCodec({
    provider,
    segments: createSegments({ ...crypto, epochKey: (epoch) => vault.ring.key(epoch) }),
    tokens: vault.tokens,
    storeId,
    epoch: () => vault.ring.newest,
    random: createRandomPool(randomBytes),
    bytes,
    refresh: vault.refresh,
  });
  return { codec, storeId, vault };
}

async function saveKey(to: KeySaver, ring: KeyRing, options: CheckedOptions): Promise<void> {
  if (options.keyStorage === "none") return;
  await saveRing(to, ring);
}

interface KeySaver {
  readonly provider: CryptoProvider;
  readonly storage: KeyStorage;
  readonly storeId: Uint8Array;
}

/** The two newest keys are enough: the manifest, sealed under one of them, holds the rest. */
async function saveRing({ provider, storage, storeId }: KeySaver, ring: KeyRing): Promise<void> {
  const newest = createKeyRing(ring.epochs.slice(-2).map((epoch) => [epoch, ring.key(epoch)!]));
  await storage.save(bytesToHex(storeId), await ringToText(provider, newest));
}

async function savedRing(provider: CryptoProvider, storage: KeyStorage, storeId: Uint8Array): Promise<KeyRing | undefined> {
  const text = await storage.load(bytesToHex(storeId));
  return text === undefined ? undefined : textToRing(provider, text);
}

function newRing(): KeyRing {
  return createKeyRing([[1, randomBytes(32)]]);
}

async function givenRing(
  provider: CryptoProvider,
  { key, passphrase }: CheckedOptions,
  manifest: Manifest | undefined,
): Promise<KeyRing | undefined> {
  if (key === undefined) return undefined;
  if (typeof key !== "string") return createKeyRing([[manifest?.epoch ?? 1, new Uint8Array(key)]]);
  const { parseKey } = await import("./crypto/key-text.ts");
  return parseKey(provider, key, passphrase);
}

interface VaultParts {
  readonly adapter: PersistAdapter;
  readonly bytes: boolean;
  readonly crypto: ManifestCrypto;
  readonly storage: KeyStorage;
  readonly opened: { readonly ring: KeyRing; readonly rootEpoch: number };
}

async function createVault({ adapter, bytes, crypto, storage, opened }: VaultParts): Promise<Vault> {
  const { provider, storeId } = crypto;
  const { rootEpoch } = opened;
  let { ring } = opened;
  const rootKey = ring.key(rootEpoch);
  if (!rootKey) throw new CuittyError("tampered", "the store's manifest lacks its first key; restore a backup");
  return {
    provider,
    storage,
    tokens: await createPathTokens({ provider, storeId, rootKey }),
    get ring() {
      return ring;
    },
    async extend(next) {
      const joined = ring.with(next);
      if (storage.isLasting) await saveRing({ provider, storage, storeId }, joined);
      await writeManifest(adapter, bytes, await sealManifest(crypto, { ring: joined, rootEpoch }));
      ring = joined;
    },
    async refresh() {
      const manifest = await readManifest(adapter, bytes);
      if (!manifest || manifest.epoch === ring.newest) return false;
      const saved = await savedRing(provider, storage, storeId);
      if (!saved) return false;
      ring = ring.with((await openManifest(crypto, manifest, saved)).ring);
      return true;
    },
  };
}

function hexToBytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g)!, (pair) => Number.parseInt(pair, 16));
}
