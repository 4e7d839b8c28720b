// Rows of one open store: reads that see every earlier write, writes that are durable when they resolve, listings in the order of paths.
import {
  type AdapterChange,
  type AdapterCondition,
  type AdapterEntry,
  type AdapterOp,
  capabilitiesOf,
  type PersistAdapter,
} from "../adapter.ts";
import { type Awaitable, chain, isPromise } from "../crypto/bytes.ts";
import { entriesOf } from "./entries.ts";
import { type Listing, listLeaves, listRows } from "./listing.ts";
import { pagesInOrder } from "./pages.ts";
import { createPathIndexes } from "./path-index.ts";
import { type Address, addressId, type Facet, type Located, type Row, type RowCodec, type StoredRow } from "./row.ts";
import { createRowCache } from "./row-cache.ts";
import { callSafely, tellAll } from "./safely.ts";
import { createPace } from "./turn.ts";
import { storeClosed } from "./work.ts";
import { createWriter, type Writer } from "./writer.ts";

export type RowChange =
  | { readonly type: "put"; readonly address: Address; readonly row: Row }
  | { readonly type: "delete"; readonly address: Address };

/** What it throws, or rejects with, is told as an error. */
export type RowListener = (change: AdapterChange, row: Row | undefined) => unknown;

export interface LeafQuery {
  readonly after?: string;
  readonly limit?: number;
  readonly reverse?: boolean;
}

export interface Rows {
  readonly adapter: PersistAdapter;
  readonly codec: RowCodec;
  readonly writer: Writer;
  /** Errors: `store_closed`. */
  assertOpen(): void;
  /** At once where nothing has to be waited for. */
  get(address: Address): Awaitable<StoredRow | undefined>;
  /** All changes together, where the adapter can; with conditions, which need its `batchIf`, only if they hold. Errors: `conflict`. */
  commit(changes: readonly RowChange[], conditions?: readonly AdapterCondition[]): Promise<void>;
  list(facet: Facet, prefix: string, listing: Listing): AsyncGenerator<StoredRow>;
  leaves(facet: Facet, path: string, query?: LeafQuery): AsyncGenerator<StoredRow>;
  /** Raw entries under an adapter key prefix, a page at a time, in the order of keys where the adapter has one. */
  scan(prefix: string): AsyncGenerator<readonly AdapterEntry[]>;
  onChange(listener: RowListener): () => void;
  /** Tells of changes this store made otherwise than by `commit`. */
  announce(changes: readonly AdapterChange[]): void;
  /** A change made elsewhere. */
  changedElsewhere(changes: readonly AdapterChange[]): void;
  /** Refuses from now on and waits for what is queued. */
  close(): Promise<void>;
}

/** Decrypted values kept in memory. */
const cacheBytes = 8 * 1024 * 1024;

export function createRows(adapter: PersistAdapter, codec: RowCodec, onListenerError: (error: unknown) => void): Rows {
  // Plain rows need none, and rows that others may change must be read each time.
  const cache = !codec.sortsByPath && capabilitiesOf(adapter).exclusive ? createRowCache(cacheBytes) : undefined;
  const indexes = createPathIndexes({ isShared: !capabilitiesOf(adapter).exclusive });
  const listeners = new Set<RowListener>();
  let isClosed = false;
  const writer = createWriter(adapter, { onCommitted, onFailed });

  function onCommitted(changes: readonly AdapterChange[]): void {
    for (const change of changes as readonly CommittedChange[]) {
      // What was just written is likely to be read, and its text is at hand.
      if (cache && change.at && change.row?.json !== undefined)
        cache.keep(change.facet as Facet, storedOf(change.path, change.row), change.at);
      else cache?.drop(change.facet, change.path);
      tell(change, change.row);
    }
    if (adapter.notify && changes.length > 0) {
      const others = changes.map(({ type, facet, path }) => ({ type, facet, path }));
      callSafely(() => adapter.notify!(others), onListenerError);
    }
  }

  /** A failure may have come after the change, as when only the answer was lost: what is known of those rows is read anew. */
  function onFailed(changes: readonly AdapterChange[]): void {
    for (const { facet, path } of changes) {
      cache?.drop(facet, path);
      indexes.forget(facet, path);
    }
  }

  function tell(change: AdapterChange, row: Row | undefined): void {
    indexes.apply(change);
    tellAll(listeners, (listener) => listener(change, row), onListenerError);
  }

  function assertOpen(): void {
    if (isClosed) throw storeClosed();
  }

  let writes = 0;
  writer.onQueued(() => {
    writes++;
  });

  function get(address: Address): Awaitable<StoredRow | undefined> {
    assertOpen();
    const earlier = writer.pending > 0 ? writer.settled(addressId(address)) : undefined;
    return earlier ? earlier.then(() => read(address)) : read(address);
  }

  function read(address: Address): Awaitable<StoredRow | undefined> {
    const cached = address.leaf === undefined ? cache?.get(address.facet, address.path) : undefined;
    if (cached) return cached.row;
    const located = codec.locate(address);
    return isPromise(located) ? located.then((at) => readAt(address.facet, at)) : readAt(address.facet, located);
  }

  async function readAt(facet: Facet, at: Located): Promise<StoredRow | undefined> {
    const writesBefore = writes;
    const value = await adapter.get(at.key);
    if (value === undefined || value === null) return undefined;
    const decoded = codec.decode(facet, at, value);
    const row = isPromise(decoded) ? await decoded : decoded;
    if (writes === writesBefore && writer.pending === 0) cache?.keep(facet, row, at);
    return row;
  }

  function locate(address: Address): Awaitable<Located> {
    const known = address.leaf === undefined ? cache?.get(address.facet, address.path) : undefined;
    return known ? known.at : codec.locate(address);
  }

  function opOf(change: RowChange, committed: CommittedChange): Awaitable<AdapterOp> {
    return chain(locate(change.address), (at) => {
      if (change.type === "delete") return { type: "delete" as const, key: at.key };
      // Leaves are many and small, and read in pages.
      if (change.address.leaf === undefined) committed.at = at;
      return chain(codec.encode(change.address.facet, at, change.row), (value) => ({ type: "put" as const, key: at.key, value }));
    });
  }

  async function* scan(prefix: string): AsyncGenerator<readonly AdapterEntry[]> {
    assertOpen();
    await writer.idle();
    if (!adapter.range) {
      yield await entriesOf(adapter, prefix);
      return;
    }
    const pace = createPace();
    for await (const page of pagesInOrder(adapter, { prefix })) {
      yield page;
      await pace();
      assertOpen();
    }
  }

  const rows: Rows = {
    adapter,
    codec,
    writer,
    assertOpen,
    get,
    async commit(changes, conditions) {
      assertOpen();
      const committed = changes.map(committedOf);
      const ops = changes.map((change, index) => opOf(change, committed[index]!));
      await writer.commit({
        ids: changes.map(({ address }) => addressId(address)),
        ops: ops.some(isPromise) ? Promise.all(ops) : (ops as readonly AdapterOp[]),
        changes: committed,
        conditions,
      });
    },
    list: (facet, prefix, listing) => {
      assertOpen();
      return listRows({ rows, indexes }, { facet, prefix, ...listing });
    },
    leaves: (facet, path, query) => {
      assertOpen();
      return listLeaves(rows, { facet, path, ...query });
    },
    scan,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    announce: onCommitted,
    changedElsewhere(changes) {
      if (isClosed) return;
      for (const change of changes) {
        cache?.drop(change.facet, change.path);
        tell(change, undefined);
      }
    },
    async close() {
      isClosed = true;
      await writer.idle();
      cache?.clear();
    },
  };
  return rows;
}

interface CommittedChange extends AdapterChange {
  readonly row: Row | undefined;
  /** Where a row that may be kept in memory stands, when that is known. */
  at?: Located;
}

/** Without a spread, which costs more than the rest of the bookkeeping of a put. */
function storedOf(path: string, { json, meta }: Row): StoredRow {
  return meta ? { path, json: json!, meta } : { path, json: json! };
}

function committedOf(change: RowChange): CommittedChange {
  const { facet, path } = change.address;
  return { type: change.type, facet, path, row: change.type === "put" ? change.row : undefined };
}
