// `createStore`: opens the adapter, unlocks it, and puts the facets on top.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { type AdapterCapabilities, capabilitiesOf, type PersistAdapter } from "./adapter.ts";
import { createEmitter, type Emitter } from "./core/emitter.ts";
import { createExclusive } from "./core/mutex.ts";
import { createRows, type Rows } from "./core/rows.ts";
import { createWork, entryRows, type Work } from "./core/work.ts";
import { randomBytes } from "./crypto/providers/provider.ts";
import { exportStore } from "./export-store.ts";
import { type Batch, runBatch } from "./facets/batch.ts";
import { type Blobs, createBlobs } from "./facets/blobs.ts";
import { createEventIds, createEvents, type Events } from "./facets/events.ts";
import { createKv, type Kv } from "./facets/kv.ts";
import { createRecords, type Records } from "./facets/records.ts";
import { loadSchemas } from "./facets/schemas.ts";
import { guardBlobs, guardCrypto, guardEvents, guardIteration, guardKv, guardRecords } from "./guard.ts";
import type { ImportOptions, ImportResult, ImportSource } from "./import-store.ts";
import { openAdapter } from "./open-adapter.ts";
import { type CheckedOptions, checkOptions, type StoreOptions } from "./options.ts";
import { createStoreCrypto, type StoreCrypto } from "./store-crypto.ts";
import { type Unlocked, unlock } from "./unlock.ts";
import { startUpkeep } from "./upkeep.ts";

/** What a store is and where it stands; told without reading the store. */
export interface StoreStatus {
  readonly name: string;
  readonly adapter: string;
  readonly capabilities: AdapterCapabilities;
  readonly encrypted: boolean;
  /** Where this device keeps the key: "keychain", "file", "indexeddb", "memory" or "none". Undefined without encryption. */
  readonly keyStorage: string | undefined;
  /** Writes not yet durable. */
  readonly pending: number;
  readonly isOpen: boolean;
}

/** A local-first store. Every method rejects with `store_closed` after `close`. */
export interface Store {
  readonly name: string;
  readonly records: Records;
  readonly kv: Kv;
  readonly blobs: Blobs;
  readonly events: Events;
  readonly crypto: StoreCrypto;
  readonly sync: { status(): never };
  /** Several changes in one atomic commit. Errors: `unsupported` where the adapter cannot. */
  batch<T>(body: (batch: Batch) => T | Promise<T>): Promise<T>;
  /** The whole store, readable, as lines of JSON. Keep it as you would keep the data. */
  export(): AsyncGenerator<string>;
  /** Reads what `export` wrote into this store. Existing keys are replaced unless told otherwise. */
  import(source: ImportSource, options?: ImportOptions): Promise<ImportResult>;
  status(): StoreStatus;
  /** Waits for everything called before, then closes; a blob whose source is still read is waited for too, unless its signal ends it. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens a store, or makes it.
 * Example: `const store = await createStore({ name: "my-app", adapter: "sqlite", path: "./data/my-app.db", encrypt: true })`
 * Errors: `invalid_option`, `unsupported_option`, `missing_library`, `store_in_use`, `store_encrypted`, `store_not_encrypted`, `wrong_key`, `key_missing`,
 * `key_storage_missing`, `newer_format`, `corrupt`, and those of the adapter.
 */
export async function createStore(options: StoreOptions): Promise<Store> {
  const checked = checkOptions(options);
  const schemas = await loadSchemas(checked.collections);
  const adapter = await openAdapter(checked);
  try {
    // Two tabs that open a new store at once must not both make a key for it.
    const exclusive = createExclusive(adapter.watch && "cuitty-open");
    const unlocked = await exclusive(`${adapter.name ?? "custom"}:${checked.name}`, () => unlock(adapter, checked));
    return assemble(checked, { adapter, schemas, unlocked });
  } catch (error) {
    try {
      await adapter.close?.();
    } catch {
      // What went wrong first is what the caller can act on.
    }
    throw error;
  }
}

interface Opened {
  readonly adapter: PersistAdapter;
  readonly schemas: Awaited<ReturnType<typeof loadSchemas>>;
  readonly unlocked: Unlocked;
}

function assemble(options: CheckedOptions, { adapter, schemas, unlocked }: Opened): Store {
  const { name, clock } = options;
  const emitter = createEmitter();
  if (options.onError) emitter.on("error", options.onError);
  const rows = createRows(adapter, unlocked.codec, emitter.fail);
  const work = createWork();
  const entry = entryRows(rows, work);
  const records = createRecords(rows, schemas);
  const kv = createKv(rows, clock);
  const eventIds = createEventIds(rows, clock, randomBytes);
  const blobs = createBlobs({ name, rows, vault: unlocked.vault, clock });
  const crypto = createStoreCrypto({ name, rows, vault: unlocked.vault, emitter });
  const stopWatching = adapter.watch?.(rows.changedElsewhere);
  const upkeep = startUpkeep({ kv, blobs, crypto, emitter });
  const closing = closer({ rows, adapter, work, stop: [() => stopWatching?.(), upkeep.stop] }, emitter);
  async function imported(source: ImportSource, importOptions?: ImportOptions): Promise<ImportResult> {
    // Rarely needed: not part of what a page loads first.
    const { importStore } = await import("./import-store.ts");
    return importStore({ rows, blobs, schemas, eventIds, clock }, source, importOptions);
  }
  return {
    name,
    records: guardRecords({ entry: createRecords(entry, schemas), inner: records }, work),
    kv: guardKv({ entry: createKv(entry, clock), inner: kv }, work),
    blobs: guardBlobs(blobs, work),
    events: guardEvents(createEvents(rows, eventIds, emitter), work),
    crypto: guardCrypto(crypto, work),
    sync: { status: noSync },
    batch: (body) => work.run(() => runBatch({ rows, schemas, eventIds, clock }, body)),
    export: () => guardIteration(exportStore({ rows, blobs, clock }), work),
    import: (source, importOptions) => work.run(() => imported(source, importOptions)),
    status: () => ({
      name,
      adapter: adapter.name ?? "custom",
      capabilities: capabilitiesOf(adapter),
      encrypted: unlocked.vault !== undefined,
      keyStorage: unlocked.vault?.storage.kind,
      pending: rows.writer.pending,
      isOpen: closing.isOpen(),
    }),
    close: closing.close,
  };
}

function noSync(): never {
  throw new CuittyError("unsupported_option", "sync is not in this release; the store works locally");
}

interface Closable {
  readonly rows: Rows;
  readonly adapter: PersistAdapter;
  readonly work: Work;
  readonly stop: readonly (() => unknown)[];
}

function closer({ rows, adapter, work, stop }: Closable, emitter: Emitter) {
  let closed: Promise<void> | undefined;
  async function close(): Promise<void> {
    const done = work.end();
    for (const end of stop) await end();
    await done;
    await rows.close();
    try {
      await adapter.close?.();
    } catch (error) {
      emitter.fail(error);
      throw error;
    }
  }
  return {
    isOpen: () => closed === undefined,
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}
