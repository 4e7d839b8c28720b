// Key-value entries that may end by themselves.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { deleteIf } from "../core/delete-if.ts";
import { toJson } from "../core/json.ts";
import { checkKey } from "../core/paths.ts";
import { jsonOf, type Row } from "../core/row.ts";
import type { RowChange, Rows } from "../core/rows.ts";
import { checkListing } from "./check.ts";
import { type Entry, type EntryList, entryList, type ListOptions } from "./entries.ts";
import { type ChangeListener, watchRows } from "./watch.ts";

export interface KvPutOptions {
  /** The entry ends after so long. Units: ms, at least 1. `undefined`: never. */
  readonly ttlMs?: number | undefined;
}

/** JSON values of at most 1 MiB with an optional end. Errors as in `Records`. */
export interface Kv {
  put(key: string, value: unknown, options?: KvPutOptions): Promise<void>;
  /** The same as `put`, as key-value stores call it. */
  set(key: string, value: unknown, options?: KvPutOptions): Promise<void>;
  /** The value, or undefined when there is none or it has ended. */
  get<T = unknown>(key: string): Promise<T | undefined>;
  has(key: string): Promise<boolean>;
  /** When the entry ends: ms since 1970, or undefined when it has no end or does not exist. */
  expiresAt(key: string): Promise<number | undefined>;
  delete(key: string): Promise<void>;
  list<T = unknown>(prefix?: string, options?: ListOptions): EntryList<Entry<T>>;
  watch<T = unknown>(keyOrPrefix: string, listener: ChangeListener<T>): () => void;
  /** Deletes entries that have ended; the store does so by itself about once an hour. Returns how many. */
  sweep(): Promise<number>;
}

export function createKv(rows: Rows, clock: () => number): Kv {
  const facet = "kv";
  const isLive = (row: Row) => row.meta?.x === undefined || row.meta.x > clock();

  async function live(key: string): Promise<Row | undefined> {
    checkKey(key);
    const row = await rows.get({ facet, path: key });
    return row && isLive(row) ? row : undefined;
  }

  async function* iterate<T>(prefix: string, { limit = Number.POSITIVE_INFINITY, ...listing }: ListOptions): AsyncGenerator<Entry<T>> {
    let left = limit;
    if (left === 0) return;
    for await (const row of rows.list(facet, prefix, listing)) {
      if (!isLive(row)) continue;
      yield { key: row.path, value: jsonOf(row) as T };
      if (--left <= 0) return;
    }
  }

  async function put(key: string, value: unknown, options: KvPutOptions = {}): Promise<void> {
    await rows.commit([kvPut(clock, key, { value, options })]);
  }

  return {
    put,
    set: put,
    get: async <T>(key: string) => {
      const row = await live(key);
      return row === undefined ? undefined : (jsonOf(row) as T);
    },
    has: async (key) => (await live(key)) !== undefined,
    expiresAt: async (key) => (await live(key))?.meta?.x,
    async delete(key) {
      checkKey(key);
      await rows.commit([{ type: "delete", address: { facet, path: key } }]);
    },
    list: <T>(prefix = "", options: ListOptions = {}) => entryList(() => iterate<T>(prefix, checkListing(prefix, options))),
    watch: <T>(target: string, listener: ChangeListener<T>) =>
      watchRows<T>({ rows, facet, toValue: (row) => jsonOf(row) as T }, target, listener),
    sweep: () => sweepEnded(rows, isLive),
  };
}

/** The checked change that puts an entry. Errors: `invalid_option` for an option there is not, or a ttl that is not a positive number of ms. */
export function kvPut(
  clock: () => number,
  key: string,
  { value, options }: { readonly value: unknown; readonly options: KvPutOptions },
): RowChange {
  checkKey(key);
  const ttlMs = checkedTtl(options);
  const json = toJson(value);
  return { type: "put", address: { facet: "kv", path: key }, row: ttlMs === undefined ? { json } : { json, meta: { x: clock() + ttlMs } } };
}

/** An entry that should end and never does is worse than an error: other stores call it `ttl`, and some count seconds. */
function checkedTtl(options: KvPutOptions): number | undefined {
  if (typeof options !== "object" || options === null) {
    throw new CuittyError("invalid_option", `the options of a kv entry are an object such as { ttlMs: 60000 }, got ${String(options)}`);
  }
  const { ttlMs, ...others } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new CuittyError("invalid_option", `a kv entry has no option "${unknown}"; { ttlMs } sets its time to live in milliseconds`);
  }
  if (ttlMs !== undefined && !(typeof ttlMs === "number" && ttlMs >= 1 && Number.isFinite(ttlMs))) {
    throw new CuittyError(
      "invalid_option",
      `ttlMs must be a number of at least 1, got ${String(ttlMs)}; leave it out for an entry without end`,
    );
  }
  return ttlMs;
}

/** Entries deleted together: alone each would wait for a flush of its own. */
const endedAtOnce = 64;

async function sweepEnded(rows: Rows, isLive: (row: Row) => boolean): Promise<number> {
  let swept = 0;
  let ended: string[] = [];
  // Put again since it was listed: a live entry must stay.
  const deleteEnded = (path: string) => deleteIf(rows, { facet: "kv", path }, (now) => !isLive(now));
  async function sweepOut(): Promise<void> {
    const paths = ended;
    ended = [];
    const gone = await Promise.all(paths.map(deleteEnded));
    swept += gone.filter(Boolean).length;
  }
  for await (const row of rows.list("kv", "", {})) {
    if (isLive(row)) continue;
    ended.push(row.path);
    if (ended.length >= endedAtOnce) await sweepOut();
  }
  await sweepOut();
  return swept;
}
