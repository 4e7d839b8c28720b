// Opens the manifest: makes a new store, or finds the key of an existing one and proves it before anything is written.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { capabilitiesOf, type PersistAdapter } from "./adapter.ts";
import { migrateFormat } from "./core/format.ts";
import {
  createManifest,
  type Manifest,
  manifestIn,
  manifestKey,
  manifestPut,
  plainManifest,
  readManifest,
  type Stored,
  storeIdBytes,
  storeIdOf,
} from "./core/manifest.ts";
import { createPlainCodec } from "./core/plain-codec.ts";
import type { RowCodec } from "./core/row.ts";
import { randomBytes } from "./crypto/providers/provider.ts";
import type { CheckedOptions } from "./options.ts";
import type { Vault } from "./vault.ts";

export type { Vault };

export interface Unlocked {
  readonly codec: RowCodec;
  readonly storeId: Uint8Array;
  readonly vault: Vault | undefined;
}

/** Openings of a store that another one makes at the same time. */
const maxTries = 6;
/** Of the pause before the next try, in which the maker saves its key. Units: ms. */
const pauseStepMs = 20;

/** Errors: `store_encrypted`, `store_not_encrypted`, `wrong_key`, `key_missing`, `key_storage_missing`, `newer_format`, `corrupt`. */
export async function unlock(adapter: PersistAdapter, options: CheckedOptions): Promise<Unlocked> {
  const { bytes, exclusive } = capabilitiesOf(adapter);
  let isNew = false;
  for (let tries = 1; ; tries++) {
    const value = await adapter.get(manifestKey);
    const manifest = manifestIn(value, bytes);
    isNew ||= manifest === undefined && !exclusive;
    try {
      const unlocked = await unlockStored(adapter, options, { value, manifest });
      if (unlocked) return unlocked;
      if (tries >= maxTries) throw madeMeanwhile();
    } catch (error) {
      // Whoever made the store meanwhile may not be done with its key.
      if (!isNew || tries >= maxTries || !(await readManifest(adapter, bytes))) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, tries * pauseStepMs));
  }
}

/** Undefined when another opening made the store meanwhile. */
async function unlockStored(adapter: PersistAdapter, options: CheckedOptions, stored: Stored): Promise<Unlocked | undefined> {
  const { manifest } = stored;
  if (!manifest && (await hasRows(adapter))) {
    throw new CuittyError(
      "corrupt",
      "the place holds rows but no manifest: it belongs to something else, or its manifest was lost; restore a backup or name another place",
    );
  }
  if (manifest && manifest.encrypted !== options.encrypt) throw mismatch(manifest);
  if (options.encrypt) {
    // A store without encryption never loads it.
    const { unlockEncrypted } = await import("./unlock-encrypted.ts");
    return unlockEncrypted(adapter, options, stored);
  }
  return unlockPlain(adapter, manifest);
}

async function unlockPlain(adapter: PersistAdapter, manifest: Manifest | undefined): Promise<Unlocked | undefined> {
  const { bytes } = capabilitiesOf(adapter);
  const storeId = manifest ? storeIdOf(manifest) : randomBytes(storeIdBytes);
  if (manifest) {
    const manifestOp = async (format: number) => manifestPut(bytes, plainManifest(storeId, format));
    await migrateFormat({ adapter, from: manifest.format, manifestOp });
  } else if (!(await createManifest(adapter, plainManifest(storeId)))) return undefined;
  return { codec: createPlainCodec({ bytes }), storeId, vault: undefined };
}

function madeMeanwhile(): CuittyError {
  return new CuittyError("write_failed", "others kept making this store while it was opened; open it again", { retryable: true });
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
