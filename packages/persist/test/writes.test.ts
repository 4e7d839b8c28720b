// When writes are handed to the adapter, and what of them is at hand afterwards.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore, type PersistAdapter, type Store } from "@cuitty/persist";
import { afterEach, beforeEach, expect, test } from "vitest";
import { memoryAdapter } from "../src/adapters/memory.ts";
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
  expect(counts.gets).toBe(1);
  counts.gets = 0;
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

const secret = { encrypt: true, key: new Uint8Array(32).fill(1), keyStorage: "none" } as const;

test.each([true, false])("a write that the adapter refuses without a reason fails all the same (batches: %s)", async (hasBatch) => {
  const { batch, range, ...inner } = memoryAdapter();
  let isRefusing = false;
  const refused = <T>(run: () => Promise<T>): Promise<T> => (isRefusing ? Promise.reject() : run());
  const one = await createStore({
    name: "w",
    adapter: {
      ...inner,
      capabilities: { ...inner.capabilities, atomicBatch: hasBatch },
      put: (key, value) => refused(() => inner.put(key, value)),
      delete: (key) => refused(() => inner.delete(key)),
      ...(hasBatch ? { batch: (ops) => refused(() => batch!(ops)) } : {}),
    },
  });
  isRefusing = true;
  const results = await Promise.allSettled([one.records.put("a", 1), one.records.delete("b"), one.kv.put("c", 2)]);
  expect(results.map((result) => (result as PromiseRejectedResult).reason?.code)).toEqual(Array(3).fill("write_failed"));
  isRefusing = false;
  expect(await one.records.list()).toEqual([]);
  await one.close();
});

test.each([true, false])("listings, export and rotation end while others keep writing (encrypted: %s)", async (encrypt) => {
  const inner = memoryAdapter();
  const adapter: PersistAdapter = {
    ...inner,
    async batch(ops) {
      await turn();
      await turn();
      await inner.batch!(ops);
    },
  };
  const one = await createStore({ name: "w", adapter, ...(encrypt ? secret : {}) });
  await one.events.append("log", 1);
  let isDone = false;
  const writes: Promise<void>[] = [];
  const writer = (async () => {
    for (let n = 0; !isDone && n < 5_000; n++) {
      writes.push(one.records.put(`busy/${n % 3}`, n));
      await turn();
    }
  })();
  void one.records.put("last", 1);
  expect((await one.records.list("l")).map(({ key }) => key)).toEqual(["last"]);
  expect(await one.events.list("log")).toHaveLength(1);
  let lines = 0;
  for await (const _line of one.export()) lines++;
  expect(lines).toBeGreaterThan(3);
  if (encrypt) await (await one.crypto.rotateKey()).done;
  expect(writes.length).toBeLessThan(5_000);
  isDone = true;
  await writer;
  await Promise.all(writes);
  await one.close();
});

test("after a failed write that was applied all the same, get, has and list see what is there", async () => {
  const inner = memoryAdapter();
  let isLosingAnswers = false;
  const adapter: PersistAdapter = {
    ...inner,
    capabilities: { ...inner.capabilities, exclusive: true },
    async batch(ops) {
      await inner.batch!(ops);
      if (isLosingAnswers) throw new Error("the answer was lost");
    },
  };
  const one = await createStore({ name: "w", adapter, ...secret });
  for (const key of ["a", "b"]) await one.records.put(key, 1);
  expect(await one.records.list()).toHaveLength(2);
  isLosingAnswers = true;
  await expect(one.records.put("a", 2)).rejects.toMatchObject({ code: "write_failed" });
  await expect(one.records.delete("b")).rejects.toMatchObject({ code: "write_failed" });
  await expect(one.records.put("c", 3)).rejects.toMatchObject({ code: "write_failed" });
  expect(await one.records.get("a")).toBe(2);
  expect(await one.records.has("b")).toBe(false);
  expect((await one.records.list()).map(({ key }) => key)).toEqual(["a", "c"]);
  await one.close();
});

test("a notify or a listener that throws or rejects is told to onError; writes, counts and later writes are as ever", async () => {
  const inner = memoryAdapter();
  const errors: unknown[] = [];
  let batches = 0;
  let notices = 0;
  const adapter: PersistAdapter = {
    ...inner,
    batch(ops) {
      batches++;
      return inner.batch!(ops);
    },
    notify() {
      if (notices++ % 2 === 0) throw new Error("the channel is closed");
      return Promise.reject(undefined) as unknown as undefined;
    },
  };
  const one = await createStore({ name: "w", adapter, onError: (error) => void errors.push(error.code) });
  one.records.watch("", async () => {
    throw new Error("broken listener");
  });
  batches = 0;
  await Promise.all([one.records.put("a", 1), one.records.put("b", 2)]);
  await one.records.put("c", 3);
  expect(batches).toBe(2);
  expect(one.status().pending).toBe(0);
  await turn();
  expect(errors).toEqual(Array(6).fill("background_failed"));
  expect((await one.records.list()).map(({ key }) => key)).toEqual(["a", "b", "c"]);
  await one.close();
});

test("what another process put or deleted is listed, where the adapter does not say that it is the only one", async () => {
  const shared = { ...memoryAdapter(), close: undefined };
  const open = () => createStore({ name: "w", adapter: shared, ...secret });
  const one = await open();
  const two = await open();
  for (const key of ["a", "b"]) await one.records.put(key, 1);
  expect(await one.records.list()).toHaveLength(2);
  await two.records.put("c", 1);
  await two.records.delete("a");
  expect((await one.records.list()).map(({ key }) => key)).toEqual(["b", "c"]);
  await one.close();
  await two.close();
});
