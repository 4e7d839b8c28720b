// The order of events: of many logs at once, of several stores on one place, after an import.
import "fake-indexeddb/auto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore, type PersistAdapter, type Store } from "@cuitty/persist";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { indexedDbAdapter } from "../src/adapters/indexeddb.ts";
import { memoryAdapter } from "../src/adapters/memory.ts";
import { sqliteAdapter } from "../src/adapters/sqlite.ts";

const folder = await mkdtemp(join(tmpdir(), "persist-events-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
let number = 0;
let now: number;
let stores: Store[];
beforeEach(() => {
  now = 1_700_000_000_000;
  stores = [];
});
afterEach(() => Promise.all(stores.map((store) => store.close())));

async function open(adapter: PersistAdapter | "memory", options: { readonly encrypt?: boolean } = {}): Promise<Store> {
  const secret = options.encrypt ? ({ encrypt: true, key: new Uint8Array(32).fill(2), keyStorage: "none" } as const) : {};
  const store = await createStore({ name: "events", adapter, clock: () => now, ...secret });
  stores.push(store);
  return store;
}

async function dataOf(store: Store, log = "log"): Promise<unknown[]> {
  return (await store.events.list(log)).map(({ data }) => data);
}

async function textOf(store: Store): Promise<string> {
  let text = "";
  for await (const line of store.export()) text += line;
  return text;
}

test.each([false, true])("an append after an import of later events sorts after them (appended before: %s)", async (isWarm) => {
  const later = await open("memory");
  now += 3_600_000;
  await later.events.append("log", "imported");
  now -= 3_600_000;
  const store = await open("memory");
  if (isWarm) await store.events.append("log", "first");
  await store.import(await textOf(later));
  await store.events.append("log", "last");
  expect(await dataOf(store)).toEqual([...(isWarm ? ["first"] : []), "imported", "last"]);
});

test.each(["ffffffffffffffffffffffff", "f00000000000000000000000"])(
  "an imported id that leaves no room, %s, is refused with its line",
  async (id) => {
    const store = await open("memory");
    const lines = [
      { cuitty: "persist-export", version: 1 },
      { type: "event", log: "log", id, data: 1 },
      { type: "end", lines: 2 },
    ];
    const text = lines.map((line) => JSON.stringify(line)).join("\n");
    await expect(store.import(text)).rejects.toMatchObject({ code: "import_invalid", details: { line: 2 } });
    const { id: appended } = await store.events.append("log", 1);
    expect(appended).toHaveLength(24);
  },
);

test("a clock at the end of time makes no id that would sort first", async () => {
  const store = await open("memory");
  now = 2 ** 48;
  await expect(store.events.append("log", 1)).rejects.toMatchObject({ code: "full" });
  now = 1_700_000_000_000;
  expect((await store.events.append("log", 2)).id).toHaveLength(24);
});

const places: Record<string, () => () => Promise<PersistAdapter>> = {
  indexeddb: () => {
    const name = `events${++number}`;
    return () => indexedDbAdapter({ name });
  },
  "a shared memory": () => {
    const adapter = { ...memoryAdapter(), close: undefined };
    return async () => adapter;
  },
};

describe.each(Object.entries(places))("two stores on %s", (_name, place) => {
  test.each([false, true])("appends awaited in turn keep their order, whatever the clock does (encrypted: %s)", async (encrypt) => {
    const openAdapter = place();
    const [one, two] = [await open(await openAdapter(), { encrypt }), await open(await openAdapter(), { encrypt })];
    const steps = [0, 60_000, -50_000, 0, 1, -1, 0];
    for (let i = 0; i < 28; i++) {
      now += steps[i % steps.length]!;
      await (i % 2 === 0 ? one : two).events.append("log", i);
    }
    expect(await dataOf(one)).toEqual(Array.from({ length: 28 }, (_, i) => i));
  });

  test("appends that are not awaited keep each store's own order", async () => {
    const openAdapter = place();
    const [one, two] = [await open(await openAdapter()), await open(await openAdapter())];
    await Promise.all(Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? one : two).events.append("log", i)));
    const all = (await dataOf(one)) as number[];
    for (const rest of [0, 1]) expect(all.filter((i) => i % 2 === rest)).toEqual(Array.from({ length: 30 }, (_, i) => 2 * i + rest));
  });
});

const engines: Record<string, () => Promise<PersistAdapter | "memory">> = {
  memory: async () => "memory",
  sqlite: () => sqliteAdapter({ path: join(folder, `${++number}.db`), durability: "normal" }),
};

test.each(Object.entries(engines))("on %s, appends to more logs than are kept in mind keep the order in each", async (_name, engine) => {
  const store = await open(await engine());
  const logs = Array.from({ length: 1_100 }, (_, i) => `log${i}`);
  const appends: Promise<unknown>[] = [];
  for (const data of [1, 2, 3]) appends.push(...logs.map((log) => store.events.append(log, data)));
  await Promise.all(appends);
  for (const log of logs) expect(await dataOf(store, log)).toEqual([1, 2, 3]);
});

test("events of a batch keep their order, before and after other appends", async () => {
  const store = await open({ ...memoryAdapter() });
  await store.events.append("log", 0);
  await store.batch((batch) => {
    for (let i = 1; i < 50; i++) batch.events.append("log", i);
  });
  await store.events.append("log", 50);
  expect(await dataOf(store)).toEqual(Array.from({ length: 51 }, (_, i) => i));
});

test("an append that cannot read the log fails, and the next begins anew", async () => {
  const inner = memoryAdapter();
  let isFailing = false;
  const store = await open({
    ...inner,
    capabilities: { ...inner.capabilities, exclusive: true },
    range: (query) => (isFailing ? Promise.reject(new Error("unreachable")) : inner.range!(query)),
  });
  isFailing = true;
  const failed = await Promise.allSettled([store.events.append("log", 1), store.events.append("log", 2)]);
  expect(failed.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  isFailing = false;
  await store.events.append("log", 3);
  await store.events.append("log", 4);
  expect(await dataOf(store)).toEqual([3, 4]);
});

test("subscribers hear imported events as they hear appended ones", async () => {
  const from = await open("memory");
  for (let i = 0; i < 3; i++) await from.events.append("log", { i });
  const to = await open("memory");
  const heard: unknown[] = [];
  const errors: unknown[] = [];
  to.events.on("error", (error) => errors.push(error));
  to.events.subscribe("log", (event) => heard.push(event));
  await to.import(await textOf(from));
  expect(heard).toEqual(await from.events.list("log"));
  expect(errors).toEqual([]);
});
