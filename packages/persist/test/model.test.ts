// Random operations on every adapter equal a plain model: get, list order, paging, ttl, batch, blobs, opening again.
import "fake-indexeddb/auto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore, type PersistAdapter, type Store } from "@cuitty/persist";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { indexedDbAdapter } from "../src/adapters/indexeddb.ts";
import { memoryAdapter } from "../src/adapters/memory.ts";
import { sqliteAdapter } from "../src/adapters/sqlite.ts";

const folder = await mkdtemp(join(tmpdir(), "persist-model-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
let number = 0;

/** Opens the same data each time it is called. */
type Opener = () => Promise<PersistAdapter>;
const openers: Record<string, () => Opener> = {
  memory: () => {
    const adapter = { ...memoryAdapter(), close: undefined };
    return async () => adapter;
  },
  sqlite: () => {
    const path = join(folder, `${++number}.db`);
    return () => sqliteAdapter({ path, durability: "normal" });
  },
  indexeddb: () => {
    const name = `model${++number}`;
    return () => indexedDbAdapter({ name });
  },
  "four methods": () => {
    const rows = new Map<string, string>();
    const adapter: PersistAdapter = {
      get: async (key) => (rows.has(key) ? JSON.parse(rows.get(key)!) : undefined),
      put: async (key, value) => void rows.set(key, JSON.stringify(value)),
      delete: async (key) => rows.delete(key),
      list: async (prefix) =>
        [...rows].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => ({ key, value: JSON.parse(value) as unknown })),
    };
    return async () => adapter;
  },
};

const key = fc.oneof(
  fc.constantFrom(
    "a",
    "b",
    "a/b",
    "a/c",
    "a/b/c",
    "a/",
    "ab",
    "a-b",
    "A",
    "a/😀",
    "a/\uffee",
    "한/😀",
    "한😀",
    "\ud7ff\ue000😀",
    "日/本",
    "a!b",
    "x%_",
  ),
  fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 6 })
    .filter((text) => !/\0/.test(text) && !text.split("/").some((part) => part === "." || part === "..")),
);
const prefix = fc.oneof(fc.constantFrom("", "a", "a/", "a/b", "日/", "zz"), key);
const value = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constant({ $cuitty: 1, sealed: "x" }));
const page = fc.record({
  prefix,
  limit: fc.option(fc.nat(4), { nil: undefined }),
  after: fc.option(key, { nil: undefined }),
  reverse: fc.boolean(),
});
const operation = fc.oneof(
  fc.record({ type: fc.constant("put" as const), key, value }),
  fc.record({ type: fc.constant("delete" as const), key }),
  fc.record({ type: fc.constant("list" as const), page }),
  fc.record({ type: fc.constant("kv" as const), key, value, ttlMs: fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }) }),
  fc.record({ type: fc.constant("tick" as const), ms: fc.integer({ min: 1, max: 20 }) }),
  fc.record({
    type: fc.constant("batch" as const),
    puts: fc.array(fc.tuple(key, value), { maxLength: 4 }),
    deletes: fc.array(key, { maxLength: 3 }),
    fails: fc.boolean(),
  }),
  fc.record({ type: fc.constant("blob" as const), key, size: fc.constantFrom(0, 1, 65_535, 65_536, 65_537, 140_000), seed: fc.nat(3) }),
  fc.record({ type: fc.constant("unblob" as const), key }),
  fc.record({ type: fc.constant("event" as const), key, value }),
  fc.constant({ type: "sweep" as const }),
  fc.constant({ type: "reopen" as const }),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

interface Model {
  now: number;
  readonly records: Map<string, unknown>;
  readonly kv: Map<string, { value: unknown; ends: number }>;
  readonly blobs: Map<string, Uint8Array>;
  readonly events: Map<string, unknown[]>;
}

const json = (data: unknown) => JSON.parse(JSON.stringify(data)) as unknown;

function expectedPage<T>(
  map: ReadonlyMap<string, T>,
  query: { prefix: string; limit?: number | undefined; after?: string | undefined; reverse: boolean },
) {
  const keys = [...map.keys()].filter((name) => name.startsWith(query.prefix)).sort();
  if (query.reverse) keys.reverse();
  const { after } = query;
  const rest = after === undefined ? keys : keys.filter((name) => (query.reverse ? name < after : name > after));
  return rest.slice(0, query.limit).map((name) => ({ key: name, value: map.get(name) }));
}

async function apply(store: Store, model: Model, op: Exclude<Operation, { type: "reopen" }>): Promise<void> {
  switch (op.type) {
    case "put":
      model.records.set(op.key, json(op.value));
      return store.records.put(op.key, op.value);
    case "delete":
      model.records.delete(op.key);
      return store.records.delete(op.key);
    case "list": {
      const { prefix: start, ...options } = op.page;
      expect(await store.records.list(start, options)).toEqual(expectedPage(model.records, op.page));
      const live = new Map([...model.kv].filter(([, entry]) => entry.ends > model.now).map(([name, entry]) => [name, entry.value]));
      expect(await store.kv.list(start, options)).toEqual(expectedPage(live, op.page));
      expect((await store.blobs.list(start, options)).map((entry) => entry.key)).toEqual(
        expectedPage(model.blobs, op.page).map((entry) => entry.key),
      );
      return;
    }
    case "kv":
      model.kv.set(op.key, { value: json(op.value), ends: op.ttlMs === undefined ? Number.POSITIVE_INFINITY : model.now + op.ttlMs });
      return store.kv.put(op.key, op.value, op.ttlMs === undefined ? {} : { ttlMs: op.ttlMs });
    case "tick":
      model.now += op.ms;
      return;
    case "batch":
      return applyBatch(store, model, op);
    case "blob": {
      const bytes = Uint8Array.from({ length: op.size }, (_, i) => (i * 31 + op.seed) & 255);
      model.blobs.set(op.key, bytes);
      await store.blobs.put(op.key, bytes);
      return;
    }
    case "unblob":
      model.blobs.delete(op.key);
      return store.blobs.delete(op.key);
    case "event":
      model.events.set(op.key, [...(model.events.get(op.key) ?? []), json(op.value)]);
      await store.events.append(op.key, op.value);
      return;
    case "sweep":
      await store.kv.sweep();
      return store.blobs.sweep();
  }
}

async function applyBatch(store: Store, model: Model, op: Extract<Operation, { type: "batch" }>): Promise<void> {
  if (!store.status().capabilities.atomicBatch) return;
  const run = store.batch((batch) => {
    for (const [name, data] of op.puts) batch.records.put(name, data);
    for (const name of op.deletes) batch.records.delete(name);
    if (op.fails) throw new Error("no");
  });
  if (op.fails) {
    await expect(run).rejects.toThrow("no");
    return;
  }
  await run;
  for (const [name, data] of op.puts) model.records.set(name, json(data));
  for (const name of op.deletes) model.records.delete(name);
}

async function compareAll(store: Store, model: Model): Promise<void> {
  expect(await store.records.list()).toEqual(expectedPage(model.records, { prefix: "", reverse: false }));
  for (const [name, data] of model.records) expect(await store.records.get(name)).toEqual(data);
  for (const [name, entry] of model.kv) expect(await store.kv.get(name)).toEqual(entry.ends > model.now ? entry.value : undefined);
  for (const [name, bytes] of model.blobs) expect(Buffer.compare((await store.blobs.get(name))!, bytes)).toBe(0);
  for (const [name, list] of model.events) expect((await store.events.list(name)).map(({ data }) => data)).toEqual(list);
}

describe.each(Object.keys(openers))("on %s", (name) => {
  test.each([false, true])(
    "random operations equal a plain model (encrypted: %s)",
    async (encrypt) => {
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 40 }), async (operations) => {
          const openAdapter = openers[name]!();
          const model: Model = { now: 1_000_000, records: new Map(), kv: new Map(), blobs: new Map(), events: new Map() };
          const secrets = encrypt ? ({ encrypt, key: new Uint8Array(32).fill(9), keyStorage: "none" } as const) : {};
          const open = async () => createStore({ name: "model", adapter: await openAdapter(), clock: () => model.now, ...secrets });
          let store = await open();
          for (const op of operations) {
            if (op.type === "reopen") {
              await store.close();
              store = await open();
            } else await apply(store, model, op);
          }
          await compareAll(store, model);
          await store.close();
        }),
        { numRuns: 40 },
      );
    },
    120_000,
  );
});
