// When writes are handed to the adapter, and what of them is at hand afterwards.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore, type PersistAdapter, type Store } from "@cuitty/persist";
import { afterEach, beforeEach, expect, test } from "vitest";
import { sqliteAdapter } from "../src/adapters/sqlite.ts";

let folder: string;
let store: Store;
let counts: { batches: number; gets: number };
let failing: boolean;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "persist-writes-"));
  const inner = await sqliteAdapter({ path: join(folder, "store.db") });
  counts = { batches: 0, gets: 0 };
  failing = false;
  const adapter: PersistAdapter = {
    ...inner,
    batch(ops) {
      counts.batches++;
      return failing ? Promise.reject(new Error("refused")) : inner.batch!(ops);
    },
    get(key) {
      counts.gets++;
      return inner.get(key);
    },
  };
  store = await createStore({ name: "w", adapter, encrypt: true, keyStorage: "file", keyFile: join(folder, "key") });
  counts.gets = 0;
  counts.batches = 0;
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

const turn = () => new Promise((done) => setImmediate(done));

test("a loop of awaited puts does not keep the event loop from turning", async () => {
  let turns = 0;
  let isDone = false;
  void (async () => {
    for (; !isDone; turns++) await turn();
  })();
  for (let i = 0; i < 100; i++) await store.records.put("loop", i);
  isDone = true;
  expect(turns).toBeGreaterThanOrEqual(20);
  expect(counts.batches).toBe(100);
});

test("puts of one call share a batch, whoever wrote before", async () => {
  for (let i = 0; i < 3; i++) await store.records.put("alone", i);
  counts.batches = 0;
  await Promise.all(Array.from({ length: 50 }, (_, i) => store.records.put(`many/${i}`, i)));
  expect(counts.batches).toBe(1);
});

test("puts of many callbacks share batches", async () => {
  const callbacks = 40;
  const rounds = 20;
  for (let round = 0; round < rounds; round++) {
    // Each in a callback of its own, as requests of a server are.
    const puts = Array.from(
      { length: callbacks },
      (_, i) => new Promise<void>((done, fail) => setImmediate(() => store.records.put(`c/${i}`, round).then(done, fail))),
    );
    await Promise.all(puts);
  }
  expect(counts.batches).toBeLessThan((rounds * callbacks) / 10);
});

test("what was put is read without asking the adapter; a failed put and a delete leave nothing behind", async () => {
  await store.records.put("a", { n: 1 });
  expect(await store.records.get("a")).toEqual({ n: 1 });
  expect(counts.gets).toBe(0);

  failing = true;
  await expect(store.records.put("a", { n: 2 })).rejects.toMatchObject({ code: "write_failed" });
  expect(await store.records.get("a")).toEqual({ n: 1 });
  failing = false;

  await Promise.all([store.records.put("a", { n: 3 }), store.records.put("a", { n: 4 })]);
  expect(await store.records.get("a")).toEqual({ n: 4 });
  expect(counts.gets).toBe(0);

  await store.records.delete("a");
  expect(await store.records.get("a")).toBeUndefined();
  expect(counts.gets).toBe(1);
});

test("a value that is read is not the object that was put", async () => {
  const value = { list: [1] };
  await store.records.put("a", value);
  value.list.push(2);
  const read = (await store.records.get<typeof value>("a"))!;
  read.list.push(3);
  expect(await store.records.get("a")).toEqual({ list: [1] });
});

test("an entry that was put with a time to live ends, and its renewal is seen", async () => {
  await store.kv.set("k", "v", { ttlMs: 20 });
  expect(await store.kv.get("k")).toBe("v");
  await new Promise((done) => setTimeout(done, 40));
  expect(await store.kv.get("k")).toBeUndefined();
  await store.kv.set("k", "w");
  expect(await store.kv.get("k")).toBe("w");
});
