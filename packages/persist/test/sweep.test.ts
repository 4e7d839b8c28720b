// Sweeping ended entries while they are put again, by this store and by others.
import "fake-indexeddb/auto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AdapterOp, createStore, type PersistAdapter } from "@cuitty/persist";
import { afterAll, expect, test } from "vitest";
import { indexedDbAdapter } from "../src/adapters/indexeddb.ts";
import { memoryAdapter } from "../src/adapters/memory.ts";
import { sqliteAdapter } from "../src/adapters/sqlite.ts";
import { mapAdapter } from "./support/map-adapter.ts";

const folder = await mkdtemp(join(tmpdir(), "persist-sweep-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
const secret = { encrypt: true, key: new Uint8Array(32).fill(3), keyStorage: "none" } as const;

const openers: Record<string, () => Promise<PersistAdapter>> = {
  sqlite: () => sqliteAdapter({ path: join(folder, "sweep.db"), durability: "normal" }),
  "sqlite, encrypted": () => sqliteAdapter({ path: join(folder, "sealed.db"), durability: "normal" }),
  indexeddb: () => indexedDbAdapter({ name: "sweep" }),
  memory: async () => memoryAdapter(),
  "four methods": async () => mapAdapter(),
};

test.each(Object.entries(openers))("on %s, entries put again while a sweep runs stay", async (name, open) => {
  let now = 1_000;
  const store = await createStore({ name: "s", adapter: await open(), clock: () => now, ...(name.includes("encrypted") ? secret : {}) });
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 30; i++) await store.kv.put(`k${i}`, "old", { ttlMs: 10 });
    now += 1_000;
    const sweeping = store.kv.sweep();
    for (let i = 0; i < 30; i++) await store.kv.put(`k${i}`, i);
    await sweeping;
    for (let i = 0; i < 30; i++) expect(await store.kv.get(`k${i}`)).toBe(i);
    expect(await store.kv.list()).toHaveLength(30);
  }
  await store.close();
});

test("many ended entries share commits, those that live stay", async () => {
  const inner = memoryAdapter();
  let now = 1_000;
  let batches = 0;
  const adapter: PersistAdapter = {
    ...inner,
    async batch(ops) {
      batches++;
      await inner.batch!(ops);
    },
  };
  const store = await createStore({ name: "s", adapter, clock: () => now });
  const puts: Promise<void>[] = [];
  for (let i = 0; i < 1_000; i++) puts.push(store.kv.put(`k${i}`, i, i % 4 === 0 ? {} : { ttlMs: 10 }));
  await Promise.all(puts);
  now += 100;
  batches = 0;
  expect(await store.kv.sweep()).toBe(750);
  // Each commit is a flush on a disk.
  expect(batches).toBeLessThan(50);
  expect((await store.kv.list()).map(({ value }) => Number(value) % 4)).toEqual(new Array(250).fill(0));
  await store.close();
});

test("an entry put after the sweep has read it, and before it deletes, stays", async () => {
  const inner = mapAdapter();
  let now = 1_000;
  let onRead: (() => Promise<unknown>) | undefined;
  const adapter: PersistAdapter = {
    ...inner,
    async get(key) {
      const value = await inner.get(key);
      const run = onRead;
      onRead = undefined;
      await run?.();
      return value;
    },
  };
  const store = await createStore({ name: "s", adapter, clock: () => now });
  await store.kv.put("session", "old", { ttlMs: 10 });
  now += 100;
  onRead = () => store.kv.put("session", "new");
  expect(await store.kv.sweep()).toBe(0);
  expect(await store.kv.get("session")).toBe("new");
  await store.close();
});

/** A place that several stores share, as tabs do: it honours `expect`, and lets another write come before a batch. */
function sharedAdapter() {
  const inner = memoryAdapter();
  const deleted: AdapterOp[] = [];
  const told: unknown[] = [];
  let before: (() => Promise<unknown>) | undefined;
  const adapter: PersistAdapter = {
    ...inner,
    close: undefined,
    async batch(ops) {
      const run = before;
      before = undefined;
      await run?.();
      for (const op of ops) {
        if (op.type === "delete") deleted.push(op);
        if (op.expect === undefined || (await inner.get(op.key)) === op.expect) await inner.batch!([op]);
      }
    },
    notify: (changes) => told.push(...changes),
  };
  return {
    adapter,
    deleted,
    told,
    beforeNextBatch(body: () => Promise<unknown>) {
      before = body;
    },
  };
}

test("what another store put before the delete came stays, and no listener hears of a delete", async () => {
  const { adapter, deleted, told, beforeNextBatch } = sharedAdapter();
  let now = 1_000;
  const one = await createStore({ name: "s", adapter, clock: () => now });
  const two = await createStore({ name: "s", adapter, clock: () => now });
  const heard: unknown[] = [];
  await one.kv.put("a", "old", { ttlMs: 10 });
  await one.kv.put("b", "old", { ttlMs: 10 });
  now += 100;
  told.length = 0;
  one.kv.watch("", (change) => heard.push(change));
  beforeNextBatch(() => two.kv.put("a", "new"));
  expect(await one.kv.sweep()).toBe(1);
  expect(await one.kv.get("a")).toBe("new");
  expect(deleted.every(({ expect: value }) => typeof value === "string" && value.includes("old"))).toBe(true);
  expect(heard).toEqual([{ type: "delete", key: "b" }]);
  expect(told).toEqual([
    { type: "put", facet: "kv", path: "a" },
    { type: "delete", facet: "kv", path: "b" },
  ]);
  await Promise.all([one.close(), two.close()]);
});
