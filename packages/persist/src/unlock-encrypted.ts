// Opens an encrypted store: finds its key, proves it, and keeps it where this device keeps keys.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { capabilitiesOf, type PersistAdapter } from "./adapter.ts";
import { migrateFormat } from "./core/format.ts";
import { createManifest, type Manifest, manifestPut, type Stored, storeIdBytes, storeIdOf } from "./core/manifest.ts";
import { createSealedCodec } from "./core/sealed-codec.ts";
import { type ManifestCrypto, type OpenedManifest, openManifest, replaceManifest, sealManifest } from "./core/sealed-manifest.ts";
import { bytesToHex } from "./crypto/bytes.ts";
import { createKeyRing, type KeyRing, ringKeyBytes } from "./crypto/key-ring.ts";
import { type CryptoProvider, loadProvider, randomBytes } from "./crypto/providers/provider.ts";
import { createRandomPool } from "./crypto/random-pool.ts";
import { createSegments } from "./crypto/segment.ts";
import { keyAdvice } from "./key-options.ts";
import { keyPlacesOf } from "./keys/key-places.ts";
import { createKeyStorage } from "./keys/key-storage.ts";
import { createRingStorage, joinRings, pendingRing, type RingStorage } from "./keys/ring-storage.ts";
import type { CheckedOptions } from "./options.ts";
import type { Unlocked } from "./unlock.ts";
import { createVault } from "./vault.ts";

/** Undefined when another opening made the store meanwhile. */
export async function unlockEncrypted(adapter: PersistAdapter, options: CheckedOptions, stored: Stored): Promise<Unlocked | undefined> {
  const { manifest } = stored;
  const { bytes } = capabilitiesOf(adapter);
  const provider = await loadProvider();
  const storage = createKeyStorage(await keyPlacesOf(options), keyAdvice(options));
  const given = await givenRing(provider, options, manifest);
  const left = manifest ? undefined : await pendingRing({ provider, storage }, given);
  const storeId = manifest || left ? storeIdOf(manifest ?? left!) : randomBytes(storeIdBytes);
  const crypto: ManifestCrypto = { provider, storeId, random: randomBytes };
  const saved = createRingStorage({ provider, storage, storeId });
  // The commitment is checked here: with a wrong key nothing below is reached.
  const { opened, isStale } = manifest
    ? await openExisting(crypto, manifest, { given, saved, lookedAt: storage.lookedAt })
    : newKeys(given ?? left?.ring);
  // The key first: a manifest whose key was never saved would be a store nobody can open.
  if (options.keyStorage !== "none" && (!manifest || (given && storage.isLasting))) await saved.keep(opened.ring, opened.ring);
  // The key is at hand: a place that cannot be written lags behind until the next opening.
  else if (isStale) await saved.keep(opened.ring, opened.ring).catch(() => undefined);
  if (!manifest) {
    if (!(await createManifest(adapter, await sealManifest(crypto, opened)))) return undefined;
    if (storage.isLasting) await assureKept(saved, opened.ring);
  } else if (opened.ring.newest !== manifest.epoch) {
    const isReplaced = await replaceManifest(adapter, bytes, { manifest: await sealManifest(crypto, opened), before: stored.value });
    if (!isReplaced) throw changedMeanwhile();
  }
  if (manifest) {
    const manifestOp = async (format: number) => manifestPut(bytes, await sealManifest(crypto, { ...opened, format }));
    await migrateFormat({ adapter, from: manifest.format, manifestOp });
  }
  await storage.confirm(bytesToHex(storeId));
  const vault = await createVault({ adapter, bytes, crypto, storage, saved, opened });
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

/** Another opening of the new store, which was slower, may have put its own key in the place before it knew. */
async function assureKept(saved: RingStorage, ring: KeyRing): Promise<void> {
  const kept = await saved.load().catch(() => []);
  if (kept.length === 0) await saved.keep(ring, ring);
}

function changedMeanwhile(): CuittyError {
  return new CuittyError("write_failed", "the store's manifest changed while it was opened: another tab rotated its key; open it again", {
    retryable: true,
  });
}

interface Keys {
  readonly given: KeyRing | undefined;
  readonly saved: RingStorage;
  readonly lookedAt: string;
}

interface Found {
  readonly opened: OpenedManifest;
  /** Whether a place of this device lacks the newest key. */
  readonly isStale: boolean;
}

/** Opens the manifest with the key given, which must fit, and with all that this device keeps. Errors: `wrong_key`, `key_missing`, `tampered`, those of the places. */
async function openExisting(crypto: ManifestCrypto, manifest: Manifest, { given, saved, lookedAt }: Keys): Promise<Found> {
  let opened = given && (await openManifest(crypto, manifest, given));
  const failures: unknown[] = [];
  const fail = (error: unknown) => void failures.push(error);
  const rings = (await saved.load().catch(fail)) ?? [];
  for (const ring of rings) {
    const found = await openManifest(crypto, manifest, ring).catch(fail);
    // A key that is kept here may be in use by a tab that rotates; one that was only given belongs to a rotation that never happened.
    if (found) opened = opened ? { ...opened, ring: joinRings(found.ring, opened.ring) ?? found.ring } : found;
  }
  if (opened) {
    const { newest } = opened.ring;
    return { opened, isStale: rings.some((ring) => !ring.key(newest)) };
  }
  throw (
    failures[0] ??
    new CuittyError(
      "key_missing",
      `the key of this store was not found (looked at: ${lookedAt}; keychain locked, or key file lost?); pass \`key\`: an exported key or the recovery code`,
    )
  );
}

function newKeys(given: KeyRing | undefined): Found {
  const ring = given ?? createKeyRing([[1, randomBytes(ringKeyBytes)]]);
  return { opened: { ring, rootEpoch: ring.oldest }, isStale: false };
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
