// A spool in IndexedDB, for pages: `spool: "indexeddb"` loads it, or import it to choose its name and limits.
import { createLeavingBatches } from "./browser/leaving-batches.ts";
import { createRowSpool, type RowSpoolLimits, type SpooledRow, sizeOf } from "./row-spool.ts";
import type { SpoolAdapter, SpooledBatch } from "./spool.ts";

export type { RowSpoolLimits } from "./row-spool.ts";

/** Where an IndexedDB spool is, and its limits. */
export interface IndexedDbSpoolOptions extends RowSpoolLimits {
  /** Name of the database. @default "cuitty-spool" */
  readonly name?: string | undefined;
}

/** Opens the spool. Errors: rejects with what IndexedDB says where it is missing or blocked; the client then goes on without. */
export async function indexedDbSpool({ name = "cuitty-spool", ...limits }: IndexedDbSpoolOptions = {}): Promise<SpoolAdapter> {
  const opening = indexedDB.open(name, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("batches", { keyPath: "key" });
  const database = await result(opening);
  // Another tab that upgrades or deletes the database must not wait for us.
  database.onversionchange = () => database.close();
  const read = (): IDBObjectStore => database.transaction("batches").objectStore("batches");
  function write(change: (store: IDBObjectStore) => unknown): Promise<void> {
    const transaction = database.transaction("batches", "readwrite");
    change(transaction.objectStore("batches"));
    // Said at once and not when the page is asked again: it may be gone by then.
    transaction.commit();
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
  }
  const put = (batch: SpooledBatch): Promise<void> => write((store) => store.put(batch));
  const leaving = createLeavingBatches(name);
  async function takeOver(batch: SpooledBatch): Promise<void> {
    try {
      await put(batch);
      leaving?.forget(batch.key);
    } catch {
      // Without room for it, it stays where it is until the next time.
    }
  }
  await Promise.all((leaving?.left() ?? []).map(takeOver));
  const spool = createRowSpool(
    {
      put: (batch) => leaving?.guard(batch, put(batch)) ?? put(batch),
      get: (key) => result(read().get(key) as IDBRequest<SpooledBatch | undefined>),
      remove: (key) => write((store) => store.delete(key)),
      async list() {
        const batches = await result(read().getAll() as IDBRequest<SpooledBatch[]>);
        return batches.map((batch): SpooledRow => ({ key: batch.key, sealedAtMs: batch.sealedAtMs, size: sizeOf(batch) }));
      },
    },
    limits,
  );
  return {
    ...spool,
    close() {
      leaving?.close();
      database.close();
    },
  };
}

function result<Value>(request: IDBRequest<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
