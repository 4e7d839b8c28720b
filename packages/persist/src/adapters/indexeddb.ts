// Rows in IndexedDB: the default adapter in a browser, shared by the tabs of an origin.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { AdapterChange, AdapterEntry, AdapterOp, AdapterRange, PersistAdapter } from "../adapter.ts";
import { manifestKey } from "../core/manifest.ts";
import { storeClosed, storeDeleted } from "../core/work.ts";
import { equalBytes } from "../crypto/bytes.ts";
import { upperBoundOf } from "./memory.ts";

export interface IndexedDbAdapterOptions {
  /** Names the database: `cuitty:<name>`. */
  readonly name: string;
  /** `full` asks the browser to flush before it reports a commit. @default "full" */
  readonly durability?: "full" | "normal";
}

const storeName = "rows";
const listPage = 500;
/** Raised when the object stores change their shape. */
const databaseVersion = 1;

/** Opens or makes the database. Errors: `unsupported` without IndexedDB, `newer_format`, `io`; of its methods `store_deleted` once the database has vanished. */
export async function indexedDbAdapter({ name, durability = "full" }: IndexedDbAdapterOptions): Promise<PersistAdapter> {
  if (typeof globalThis.indexedDB === "undefined")
    throw new CuittyError("unsupported", 'adapter "indexeddb" needs a browser; on Node use "sqlite"');
  const databaseName = `cuitty:${name}`;
  const connection = createConnection(databaseName);
  await connection.open();
  const channel = typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(databaseName);
  // In Node an open channel would keep the process alive.
  (channel as { unref?: () => void } | undefined)?.unref?.();

  function run<T>(mode: IDBTransactionMode, body: (store: IDBObjectStore) => IDBRequest<T> | undefined): Promise<T | undefined> {
    return connection.use((database) => {
      const transaction = database.transaction(storeName, mode, { durability: durability === "full" ? "strict" : "relaxed" });
      return finished(transaction, body(transaction.objectStore(storeName)));
    });
  }

  function batch(ops: readonly AdapterOp[]): Promise<unknown> {
    const manifest = ops.find(({ key }) => key === manifestKey);
    if (manifest?.type === "put") connection.recognise(manifest.value);
    return run("readwrite", (store) => {
      applyOps(store, ops);
      return undefined;
    });
  }

  async function get(key: string): Promise<unknown> {
    const value = await run<unknown>("readonly", (store) => store.get(key));
    if (key === manifestKey) connection.recognise(value);
    return value;
  }

  async function range(query: AdapterRange): Promise<AdapterEntry[]> {
    const bounds = boundsOf(query);
    if (bounds === undefined || query.limit <= 0) return [];
    return connection.use((database) => readRange(database, query, bounds));
  }

  return {
    name: "indexeddb",
    capabilities: { atomicBatch: true, blobs: true, watch: true, bytes: true },
    get,
    put: (key, value) => batch([{ type: "put", key, value }]),
    delete: (key) => batch([{ type: "delete", key }]),
    async *list(prefix) {
      let after: string | undefined;
      for (;;) {
        const page = await range({ prefix, limit: listPage, ...(after === undefined ? {} : { after }) });
        yield* page;
        if (page.length < listPage) return;
        after = page.at(-1)!.key;
      }
    },
    batch,
    range,
    watch(listener) {
      const receive = (event: MessageEvent) => listener(event.data as readonly AdapterChange[]);
      channel?.addEventListener("message", receive);
      return () => channel?.removeEventListener("message", receive);
    },
    notify: (changes) => channel?.postMessage(changes),
    close: async () => {
      channel?.close();
      connection.close();
    },
  };
}

interface Connection {
  open(): Promise<void>;
  /** Runs with an open database; one that the browser took away is opened once more, if it is still the same. Errors: `store_closed`, `store_deleted`. */
  use<T>(body: (database: IDBDatabase) => Promise<T>): Promise<T>;
  /** Tells whose database this is: a manifest of its, as stored. */
  recognise(manifest: unknown): void;
  close(): void;
}

function createConnection(name: string): Connection {
  let opening: Promise<IDBDatabase> | undefined;
  let isClosed = false;
  /** For good: what is made anew under this name is not what this store has read. */
  let isDeleted = false;
  let wasOpen = false;
  let storeId: string | undefined;

  async function openAgain(): Promise<IDBDatabase> {
    const database = await openDatabase(name, { mayMake: !wasOpen, onLost });
    wasOpen = true;
    if (storeId === undefined || storeIdIn(await manifestOf(database)) === storeId) return database;
    database.close();
    throw storeDeleted();
  }

  function onLost(newVersion?: number | null): void {
    opening = undefined;
    if (newVersion === null) isDeleted = true;
  }

  function open(): Promise<IDBDatabase> {
    opening ??= openAgain();
    opening.catch((error: unknown) => {
      opening = undefined;
      if (isCuittyError(error, "store_deleted")) isDeleted = true;
    });
    return opening;
  }

  return {
    open: async () => void (await open()),
    async use(body) {
      if (isClosed) throw storeClosed();
      if (isDeleted) throw storeDeleted();
      try {
        return await body(await open());
      } catch (error) {
        // The browser closes databases when its storage fails or a newer tab upgrades; a transaction cannot even begin then.
        if ((error as { name?: string }).name !== "InvalidStateError") throw ioError(error);
        if (isClosed) throw ioError(error);
        if (isDeleted) throw storeDeleted();
        opening = undefined;
        return body(await open()).catch((again: unknown) => {
          throw ioError(again);
        });
      }
    },
    recognise(manifest) {
      storeId ??= storeIdIn(manifest);
    },
    close() {
      isClosed = true;
      void opening?.then((database) => database.close()).catch(() => undefined);
    },
  };
}

function storeIdIn(manifest: unknown): string | undefined {
  return typeof manifest === "string" ? /"storeId":"([0-9a-f]{32})"/.exec(manifest)?.[1] : undefined;
}

function manifestOf(database: IDBDatabase): Promise<unknown> {
  const transaction = database.transaction(storeName, "readonly");
  return finished<unknown>(transaction, transaction.objectStore(storeName).get(manifestKey));
}

interface Opening {
  /** Otherwise a database that is not there is `store_deleted`, and none is left behind. */
  readonly mayMake: boolean;
  /** With the version that another tab asks for, null when it deletes the database; without when the browser closed it. */
  readonly onLost: (newVersion?: number | null) => void;
}

function openDatabase(name: string, { mayMake, onLost }: Opening): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, databaseVersion);
    let isMissing = false;
    request.onupgradeneeded = () => {
      isMissing = !mayMake;
      // A database whose first upgrade is aborted has never been.
      if (isMissing) request.transaction!.abort();
      else request.result.createObjectStore(storeName);
    };
    request.onerror = () => reject(isMissing ? storeDeleted() : openError(request.error));
    request.onsuccess = () => {
      const database = request.result;
      // A tab that deletes or upgrades the database must not wait for this one.
      database.onversionchange = ({ newVersion }) => {
        onLost(newVersion);
        database.close();
      };
      database.onclose = () => onLost();
      resolve(database);
    };
  });
}

function openError(cause: DOMException | null): CuittyError {
  if (cause?.name === "VersionError") {
    return new CuittyError("newer_format", "the database was made by a newer release; nothing was written: upgrade @cuitty/persist", {
      cause,
    });
  }
  return new CuittyError("io", "IndexedDB cannot be opened; private windows of some browsers refuse it", { retryable: true, cause });
}

function ioError(error: unknown): unknown {
  if ((error as { name?: string }).name === "CuittyError") return error;
  const isFull = (error as { name?: string }).name === "QuotaExceededError";
  const text = isFull
    ? "the browser's storage is full; delete data or ask for more with navigator.storage.persist()"
    : "IndexedDB failed; see `cause`";
  return new CuittyError(isFull ? "full" : "io", text, { retryable: true, cause: error });
}

/** Resolves when the transaction is committed, not when its request is answered. */
function finished<T>(transaction: IDBTransaction, request: IDBRequest<T> | undefined): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = () => reject(transaction.error ?? new DOMException("the transaction was aborted", "AbortError"));
  });
}

/** In order: what follows a condition waits for its answer, or a change queued after it would come before it. */
function applyOps(store: IDBObjectStore, ops: readonly AdapterOp[], start = 0): void {
  for (let i = start; i < ops.length; i++) {
    const op = ops[i]!;
    if (op.expect === undefined) {
      applyOp(store, op);
      continue;
    }
    const found = store.get(op.key) as IDBRequest<unknown>;
    found.onsuccess = () => {
      if (isSame(found.result, op.expect)) applyOp(store, op);
      applyOps(store, ops, i + 1);
    };
    return;
  }
}

function applyOp(store: IDBObjectStore, op: AdapterOp): void {
  if (op.type === "delete") store.delete(op.key);
  else store.put(op.value, op.key);
}

function isSame(left: unknown, right: unknown): boolean {
  return left instanceof Uint8Array && right instanceof Uint8Array ? equalBytes(left, right) : left === right;
}

/** Undefined when nothing can lie between. */
function boundsOf({ prefix, after, reverse = false }: AdapterRange): IDBKeyRange | undefined {
  const above = upperBoundOf(prefix);
  const low = !reverse && after !== undefined && after >= prefix ? { key: after, open: true } : { key: prefix, open: false };
  const high = reverse && after !== undefined && (above === undefined || after < above) ? after : above;
  if (high === undefined) return IDBKeyRange.lowerBound(low.key, low.open);
  if (low.key > high || low.key === high) return undefined;
  return IDBKeyRange.bound(low.key, high, low.open, true);
}

function readRange(database: IDBDatabase, { limit, reverse = false }: AdapterRange, bounds: IDBKeyRange): Promise<AdapterEntry[]> {
  const transaction = database.transaction(storeName, "readonly");
  const store = transaction.objectStore(storeName);
  if (reverse) return readBackwards(transaction, store, { bounds, limit });
  const count = Number.isFinite(limit) ? limit : undefined;
  const keys = store.getAllKeys(bounds, count);
  const values = store.getAll(bounds, count);
  return finished(transaction, undefined).then(() =>
    keys.result.map((key, i) => ({ key: key as string, value: values.result[i] as unknown })),
  );
}

function readBackwards(
  transaction: IDBTransaction,
  store: IDBObjectStore,
  { bounds, limit }: { bounds: IDBKeyRange; limit: number },
): Promise<AdapterEntry[]> {
  const entries: AdapterEntry[] = [];
  const cursor = store.openCursor(bounds, "prev");
  cursor.onsuccess = () => {
    const at = cursor.result;
    if (!at) return;
    entries.push({ key: at.key as string, value: at.value });
    if (entries.length < limit) at.continue();
  };
  return finished(transaction, undefined).then(() => entries);
}
