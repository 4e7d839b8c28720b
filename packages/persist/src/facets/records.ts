// Records: JSON values under paths, with an optional schema per collection.
import { toJson } from "../core/json.ts";
import { checkKey } from "../core/paths.ts";
import { jsonOf, type Row } from "../core/row.ts";
import type { RowChange, Rows } from "../core/rows.ts";
import { isPromise } from "../crypto/bytes.ts";
import { checkListing } from "./check.ts";
import { type Entry, type EntryList, entryList, type ListOptions } from "./entries.ts";
import type { Schemas } from "./schemas.ts";
import { type ChangeListener, watchRows } from "./watch.ts";

/**
 * Values by path. Keys: 1 to 1,024 bytes, segments between "/" of at most 255 bytes. Values: JSON of at most 1 MiB.
 * Errors of all methods: `invalid_key`, `store_closed`; of reads `tampered`, `corrupt`; of writes `value_not_json`, `value_too_large`, `invalid_record`, `full`, `readonly`, `io`.
 */
export interface Records {
  /** Resolves when the value is on disk. */
  put(key: string, value: unknown): Promise<void>;
  /** The value, or undefined when there is none. */
  get<T = unknown>(key: string): Promise<T | undefined>;
  has(key: string): Promise<boolean>;
  /** Deleting what is not there is no error. */
  delete(key: string): Promise<void>;
  /** Entries whose key starts with the prefix, sorted by key: iterate it, or await it for an array. */
  list<T = unknown>(prefix?: string, options?: ListOptions): EntryList<Entry<T>>;
  /** Calls back after each change of a key, or of all keys under a prefix (which ends with "/" or is empty). */
  watch<T = unknown>(keyOrPrefix: string, listener: ChangeListener<T>): () => void;
}

export function createRecords(rows: Rows, schemas: Schemas): Records {
  const facet = "records";

  function read<T>(key: string, row: Row): T {
    return schemas.read(key, jsonOf(row), row.meta?.v) as T;
  }

  async function* iterate<T>(prefix: string, options: ListOptions): AsyncGenerator<Entry<T>> {
    for await (const row of rows.list(facet, prefix, options)) yield { key: row.path, value: read<T>(row.path, row) };
  }

  return {
    async put(key, value) {
      await rows.commit([recordPut(schemas, key, value)]);
    },
    async get<T>(key: string) {
      checkKey(key);
      const found = rows.get({ facet, path: key });
      // Waiting for a row that is in memory already would take a turn of the microtask queue.
      const row = isPromise(found) ? await found : found;
      return row === undefined ? undefined : read<T>(key, row);
    },
    async has(key) {
      checkKey(key);
      return (await rows.get({ facet, path: key })) !== undefined;
    },
    async delete(key) {
      checkKey(key);
      await rows.commit([{ type: "delete", address: { facet, path: key } }]);
    },
    list: <T>(prefix = "", options: ListOptions = {}) => entryList(() => iterate<T>(prefix, checkListing(prefix, options))),
    watch: <T>(target: string, listener: ChangeListener<T>) =>
      watchRows<T>({ rows, facet, toValue: (row, key) => read<T>(key, row) }, target, listener),
  };
}

/** The checked change that puts a record. */
export function recordPut(schemas: Schemas, key: string, value: unknown): RowChange {
  checkKey(key);
  const json = toJson(value);
  const version = schemas.check(key, value);
  return { type: "put", address: { facet: "records", path: key }, row: version === undefined ? { json } : { json, meta: { v: version } } };
}
