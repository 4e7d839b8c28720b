// The keys of an open encrypted store. The ring only grows: a key once made is never replaced, whoever rotates at the same time.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { PersistAdapter } from "./adapter.ts";
import { manifestIn, manifestKey } from "./core/manifest.ts";
import { type ManifestCrypto, openManifest, replaceManifest, sealManifest } from "./core/sealed-manifest.ts";
import { storeDeleted } from "./core/work.ts";
import { bytesToHex, equalBytes } from "./crypto/bytes.ts";
import { createKeyRing, type KeyRing, ringKeyBytes, ringToText } from "./crypto/key-ring.ts";
import type { CryptoProvider } from "./crypto/providers/provider.ts";
import { createPathTokens, type PathTokens } from "./crypto/tokens.ts";
import type { KeyStorage } from "./keys/key-storage.ts";
import { joinRings, type RingStorage } from "./keys/ring-storage.ts";
import { createReseal, type Reseal, type ResealParts } from "./reseal.ts";

/** Each try but the last was ended by another tab's rotation. */
const maxTries = 10;

export interface Vault {
  readonly provider: CryptoProvider;
  readonly storage: KeyStorage;
  readonly tokens: PathTokens;
  readonly ring: KeyRing;
  /**
   * Makes the key of the next epoch: saves it to the device's key place, then seals the manifest with it, then writes with it. Gives its epoch.
   * `prepare` gets the ring before anything is written; once more, with another ring, when another tab was faster. Errors: those of `refresh`.
   */
  rotate(prepare: (next: KeyRing) => Promise<void>): Promise<number>;
  /** Takes over the keys other tabs have made; true when there were any. Errors: `key_missing` when they are nowhere on this device, `store_deleted`. */
  refresh(): Promise<boolean>;
  /** What seals values anew with the newest key. Here, and not where it is used, as plain stores need none of it. */
  reseal(parts: Omit<ResealParts, "epoch">): Reseal;
  /** A ring as an exported key. */
  textOf(ring: KeyRing): Promise<string>;
}

export interface VaultParts {
  readonly adapter: PersistAdapter;
  readonly bytes: boolean;
  readonly crypto: ManifestCrypto;
  readonly storage: KeyStorage;
  readonly saved: RingStorage;
  readonly opened: { readonly ring: KeyRing; readonly rootEpoch: number };
}

export async function createVault({ adapter, bytes, crypto, storage, saved, opened }: VaultParts): Promise<Vault> {
  const { provider, storeId } = crypto;
  const { rootEpoch } = opened;
  let { ring } = opened;
  const rootKey = ring.key(rootEpoch);
  if (!rootKey) throw new CuittyError("tampered", "the store's manifest lacks its first key; restore a backup");

  /** Looks at the manifest, takes over its keys, and gives it as it is stored. */
  async function look(): Promise<unknown> {
    const stored = await adapter.get(manifestKey);
    const manifest = manifestIn(stored, bytes);
    if (manifest?.storeId !== bytesToHex(storeId)) throw storeDeleted();
    if (manifest.epoch! <= ring.newest) return stored;
    for (const candidate of await saved.load()) {
      // One place may lag behind another.
      const found = await openManifest(crypto, manifest, candidate).catch(() => undefined);
      if (!found) continue;
      ring = ring.with(found.ring);
      return stored;
    }
    throw new CuittyError(
      "key_missing",
      "the key was rotated elsewhere and the new one is not kept on this device; close the store and open it with `key`: exported after the rotation",
    );
  }

  /** A newer key that is saved already but not yet in use, as a rotation leaves it that goes on elsewhere or was interrupted, else a new one. */
  async function nextRing(): Promise<KeyRing> {
    for (const candidate of storage.isLasting ? await saved.load() : []) {
      const joined = joinRings(ring, candidate);
      if (joined && joined.newest > ring.newest) return joined;
    }
    return ring.with(createKeyRing([[ring.newest + 1, crypto.random(ringKeyBytes)]]));
  }

  return {
    provider,
    storage,
    tokens: await createPathTokens({ provider, storeId, rootKey }),
    get ring() {
      return ring;
    },
    async rotate(prepare) {
      for (let tries = 0; tries < maxTries; tries++) {
        const before = await look();
        const next = await nextRing();
        await prepare(next);
        if (storage.isLasting && !(await saved.keep(next, ring))) continue;
        const manifest = await sealManifest(crypto, { ring: next, rootEpoch });
        if (await replaceManifest(adapter, bytes, { manifest, before })) ring = ring.with(next);
        else await look();
        // Another tab may have put the same key into use.
        const key = ring.key(next.newest);
        if (key && equalBytes(key, next.key(next.newest)!)) return next.newest;
      }
      throw new CuittyError("write_failed", "other tabs went on rotating the key; try again", { retryable: true });
    },
    async refresh() {
      const { newest } = ring;
      await look();
      return ring.newest !== newest;
    },
    reseal: (parts) => createReseal({ ...parts, epoch: () => ring.newest }),
    textOf: (some) => ringToText(provider, some),
  };
}
