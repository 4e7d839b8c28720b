// Opens the manifest: makes a new store, or finds the key of an existing one and proves it before anything is written.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { capabilitiesOf, type PersistAdapter } from "./adapter.ts";
import { migrateFormat } from "./core/format.ts";
import {
  type Manifest,
  manifestIn,
  manifestKey,
  manifestPut,
  plainManifest,
  storeIdBytes,
  storeIdOf,
  writeManifest,
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

/** Errors: `store_encrypted`, `store_not_encrypted`, `wrong_key`, `key_missing`, `key_storage_missing`, `newer_format`, `corrupt`. */
export async function unlock(adapter: PersistAdapter, options: CheckedOptions): Promise<Unlocked> {
  const { bytes } = capabilitiesOf(adapter);
  const value = await adapter.get(manifestKey);
  const manifest = manifestIn(value, bytes);
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
    return unlockEncrypted(adapter, options, { value, manifest });
  }
  const storeId = manifest ? storeIdOf(manifest) : randomBytes(storeIdBytes);
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
