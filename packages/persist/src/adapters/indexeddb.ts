// Rows in IndexedDB: the default adapter in a browser, shared by the tabs of an origin.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { AdapterChange, AdapterCondition, AdapterEntry, AdapterOp, AdapterRange, PersistAdapter } from "../adapter.ts";
import { manifestKey } from "../core/manifest.ts";
import { isSameValue } from "./conditions.ts";
import { createConnection, storeName } from "./indexeddb-connection.ts";
import { transact, type When } from "./indexeddb-transaction.ts";
import { upperBoundOf } from "./memory.ts";

export interface IndexedDbAdapterOptions {
  /** Names the database: `cuitty:<name>`. */
  readonly name: string;
  /** `full` asks the browser to flush before it reports a commit. @default "full" */
  readonly durability?: "full" | "normal" | undefined;
}

const listPage = 500;

/** Opens or makes the database. Errors: `unsupported` without IndexedDB, `newer_format`, `io`; of its methods `store_deleted` once the database has vanished. */
export async function indexedDbAdapter({ name, durability = "full" }: IndexedDbAdapterOptions): Promise<PersistAdapter> {
  if (!globalThis.indexedDB) throw new CuittyError("unsupported", 'adapter "indexeddb" needs a browser; on Node use "sqlite"');
  const databaseName = `cuitty:${name}`;
  const connection = createConnection(databaseName);
  await connection.open();
  const channel = typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(databaseName);
  // In Node an open channel would keep the process alive.
  (channel as { unref?: () => void } | undefined)?.unref?.();

  function run<T>(mode: IDBTransactionMode, body: (store: IDBObjectStore, when: When) => () => T): Promise<T> {
    const options = { storeName, mode, durability: durability === "full" ? "strict" : "relaxed" } as const;
    return connection.use((database) => transact(database, options, body));
  }

  function recogniseIn(ops: readonly AdapterOp[]): void {
    const manifest = ops.find(({ key }) => key === manifestKey);
    if (manifest?.type === "put") connection.recognise(manifest.value);
  }

  /** What only deletes may fail for want of room at first: Firefox has some set aside for the transaction that comes after a full one. */
  async function write<T>(ops: readonly AdapterOp[], body: (store: IDBObjectStore, when: When) => () => T): Promise<T> {
    try {
      return await run("readwrite", body);
    } catch (error) {
      if (!isCuittyError(error, "full") || ops.some(({ type }) => type === "put")) throw error;
      return run("readwrite", body);
    }
  }

  function batch(ops: readonly AdapterOp[]): Promise<unknown> {
    recogniseIn(ops);
    return write(ops, (store, when) => {
      applyOps({ store, when }, ops);
      return () => undefined;
    });
  }

  async function batchIf(conditions: readonly AdapterCondition[], ops: readonly AdapterOp[]): Promise<boolean> {
    const isApplied = await write(ops, (store, when) => {
      let allHold = false;
      whenAllHold({ store, when }, conditions, () => {
        allHold = true;
        applyOps({ store, when }, ops);
      });
      return () => allHold;
    });
    // Not before: the manifest of a store that another tab was faster to make is none.
    if (isApplied) recogniseIn(ops);
    return isApplied;
  }

  async function get(key: string): Promise<unknown> {
    const value = await run("readonly", (store) => {
      const found = store.get(key) as IDBRequest<unknown>;
      return () => found.result;
    });
    if (key === manifestKey) connection.recognise(value);
    return value;
  }

  async function range(query: AdapterRange): Promise<AdapterEntry[]> {
    const bounds = boundsOf(query);
    if (bounds === undefined || query.limit <= 0) return [];
    return run("readonly", (store, when) =>
      query.reverse ? readBackwards({ store, when }, query, bounds) : readForwards(store, query, bounds),
    );
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
    batchIf,
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

interface Running {
  readonly store: IDBObjectStore;
  readonly when: When;
}

/** Answers come in the order of the questions; the transaction keeps others out until its end. */
function whenAllHold({ store, when }: Running, conditions: readonly AdapterCondition[], body: () => void): void {
  let left = conditions.length;
  if (left === 0) body();
  for (const { key, value } of conditions) {
    when<unknown>(store.get(key), (found) => {
      if (isSameValue(found, value) && --left === 0) body();
    });
  }
}

/** In order: what follows a condition waits for its answer, or a change queued after it would come before it. */
function applyOps({ store, when }: Running, ops: readonly AdapterOp[], start = 0): void {
  for (let i = start; i < ops.length; i++) {
    const op = ops[i]!;
    if (op.expect === undefined) {
      applyOp(store, op);
      continue;
    }
    when<unknown>(store.get(op.key), (found) => {
      if (isSameValue(found, op.expect)) applyOp(store, op);
      applyOps({ store, when }, ops, i + 1);
    });
    return;
  }
}

function applyOp(store: IDBObjectStore, op: AdapterOp): void {
  if (op.type === "delete") store.delete(op.key);
  else store.put(op.value, op.key);
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

function readForwards(store: IDBObjectStore, { limit }: AdapterRange, bounds: IDBKeyRange): () => AdapterEntry[] {
  const count = Number.isFinite(limit) ? limit : undefined;
  const keys = store.getAllKeys(bounds, count);
  const values = store.getAll(bounds, count);
  return () => keys.result.map((key, i) => ({ key: key as string, value: values.result[i] as unknown }));
}

function readBackwards({ store, when }: Running, { limit }: AdapterRange, bounds: IDBKeyRange): () => AdapterEntry[] {
  const entries: AdapterEntry[] = [];
  when(store.openCursor(bounds, "prev"), (at) => {
    if (!at) return;
    entries.push({ key: at.key as string, value: at.value });
    if (entries.length < limit) at.continue();
  });
  return () => entries;
}
