// Two tabs on one database: they see each other's writes, follow each other's keys, and never overwrite a newer value.
import "fake-indexeddb/auto";
import { createStore, type Store } from "@cuitty/persist";
import { forceCloseDatabase } from "fake-indexeddb";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { indexedDbAdapter } from "../src/adapters/indexeddb.ts";
import { createStoreIn, sharedKeyFile } from "./support/shared-key.ts";

let number = 0;
let stores: Store[] = [];
let name: string;
beforeEach(() => {
  name = `tabs${++number}`;
  stores = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(stores.map((store) => store.close()));
});

async function tab(options: { readonly encrypt?: boolean; readonly key?: Uint8Array } = {}): Promise<Store> {
  const store = await createStore({
    name,
    adapter: await indexedDbAdapter({ name }),
    ...options,
    ...(options.encrypt ? { keyStorage: "none" as const } : {}),
  });
  stores.push(store);
  return store;
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 20));

test.each([false, true])("writes of one tab are read, listed and heard by the other (encrypted: %s)", async (encrypt) => {
  const options = encrypt ? { encrypt, key: new Uint8Array(32).fill(4) } : {};
  const [one, two] = [await tab(options), await tab(options)];
  const heard: unknown[] = [];
  two.records.watch("notes/", (change) => heard.push(change));
  await one.records.put("notes/a", 1);
  expect(await two.records.get("notes/a")).toBe(1);
  expect(await two.records.list("notes/")).toHaveLength(1);
  await one.records.put("notes/b", 2);
  await one.records.delete("notes/a");
  expect((await two.records.list("notes/")).map(({ key }) => key)).toEqual(["notes/b"]);
  await turn();
  expect(heard).toEqual([
    { type: "put", key: "notes/a" },
    { type: "put", key: "notes/b" },
    { type: "delete", key: "notes/a" },
  ]);
  const ids = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? one : two).events.append("log", i)));
  expect(new Set(ids.map(({ id }) => id)).size).toBe(20);
  expect(await one.events.list("log")).toHaveLength(20);
});

test("what one tab sweeps is not what another has put again", async () => {
  let nowMs = 1_000;
  const open = async () => {
    const store = await createStore({ name, adapter: await indexedDbAdapter({ name }), clock: () => nowMs });
    stores.push(store);
    return store;
  };
  const [one, two] = [await open(), await open()];
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`);
  for (let round = 0; round < 5; round++) {
    for (const key of keys) await one.kv.put(key, "old", { ttlMs: 10 });
    nowMs += 1_000;
    const swept = one.kv.sweep();
    for (const key of keys) await two.kv.put(key, "new");
    await swept;
    expect(await Promise.all(keys.map((key) => one.kv.get(key)))).toEqual(keys.map(() => "new"));
    await Promise.all(keys.map((key) => one.kv.delete(key)));
  }
});

test("background work of one tab does not overwrite what another wrote meanwhile", async () => {
  const adapter = await indexedDbAdapter({ name });
  const bytes = (n: number) => Uint8Array.of(n, n);
  await adapter.put("key", bytes(1));
  await adapter.batch!([{ type: "put", key: "key", value: bytes(2), expect: bytes(9) }]);
  expect(await adapter.get("key")).toEqual(bytes(1));
  await adapter.batch!([{ type: "put", key: "key", value: bytes(2), expect: bytes(1) }]);
  expect(await adapter.get("key")).toEqual(bytes(2));
  // A write that shares the batch comes after it, as it was called after it.
  await adapter.batch!([
    { type: "put", key: "key", value: bytes(3), expect: bytes(2) },
    { type: "put", key: "key", value: bytes(4) },
    { type: "put", key: "key", value: bytes(5), expect: bytes(4) },
    { type: "delete", key: "key", expect: bytes(4) },
  ]);
  expect(await adapter.get("key")).toEqual(bytes(5));
  await adapter.close!();
});

test("a tab follows a key that another tab rotated", async () => {
  const place = sharedKeyFile();
  const [one, two] = [await createStoreIn(place, name), await createStoreIn(place, name)];
  stores.push(one, two);
  await one.records.put("a", 1);
  expect(await two.records.get("a")).toBe(1);
  await (await one.crypto.rotateKey()).done;
  await one.records.put("b", 2);
  expect(await two.records.get("b")).toBe(2);
  expect(await two.records.list()).toHaveLength(2);
  await two.records.put("c", 3);
  expect(await one.records.get("c")).toBe(3);
  expect(two.crypto.status().epoch).toBe(2);
});

const deleteDatabase = () =>
  new Promise((resolve) => {
    indexedDB.deleteDatabase(`cuitty:${name}`).onsuccess = resolve;
  });

test.each([false, true])(
  "a database that is deleted under an open store is told by everything that follows (encrypted: %s)",
  async (encrypt) => {
    const options = encrypt ? { encrypt, key: new Uint8Array(32).fill(4) } : {};
    const store = await tab(options);
    await store.records.put("a", 1);
    await deleteDatabase();
    const gone = { code: "store_deleted", message: expect.stringContaining("open it again") };
    await expect(store.records.put("b", 2)).rejects.toMatchObject(gone);
    await expect(store.records.get("a")).rejects.toMatchObject(gone);
    await expect(store.records.list()).rejects.toMatchObject(gone);
    await expect(store.events.append("log", 1)).rejects.toMatchObject(gone);
    if (encrypt) await expect(store.crypto.exportKey()).rejects.toMatchObject(gone);
    expect((await indexedDB.databases()).map((database) => database.name)).not.toContain(`cuitty:${name}`);
    // Also once another tab has begun anew: its rows are not those this store knows.
    const fresh = await tab(options);
    await expect(store.records.put("b", 2)).rejects.toMatchObject(gone);
    expect(await fresh.records.list()).toEqual([]);
    await fresh.records.put("c", 3);
    await Promise.all(stores.splice(0).map((open) => open.close()));
    expect(await (await tab(options)).records.list()).toEqual([{ key: "c", value: 3 }]);
  },
);

/** Connections as they are opened, for a browser that closes them. */
function spyConnections(): IDBDatabase[] {
  const opened: IDBDatabase[] = [];
  const { open } = indexedDB;
  vi.spyOn(indexedDB, "open").mockImplementation((...args) => {
    const request = open.apply(indexedDB, args);
    request.addEventListener("success", () => opened.push(request.result));
    return request;
  });
  return opened;
}

test("a connection the browser closed is opened again, unless the database is gone or another store's", async () => {
  const opened = spyConnections();
  const store = await tab();
  await store.records.put("a", 1);
  const close = () => forceCloseDatabase(opened.at(-1) as never);
  close();
  expect(await store.records.get("a")).toBe(1);
  await store.records.put("b", 2);
  expect(await store.records.list()).toHaveLength(2);
  // Clearing site data closes the connection without asking; a tab that is reloaded makes the database anew.
  close();
  await deleteDatabase();
  const fresh = await tab();
  await expect(store.records.put("c", 3)).rejects.toMatchObject({ code: "store_deleted" });
  expect(await fresh.records.list()).toEqual([]);
  close();
  await deleteDatabase();
  await expect(fresh.records.get("a")).rejects.toMatchObject({ code: "store_deleted" });
  expect((await indexedDB.databases()).map((database) => database.name)).not.toContain(`cuitty:${name}`);
});

test("a database of a newer release is refused", async () => {
  await new Promise((resolve) => {
    const request = indexedDB.open(`cuitty:${name}`, 99);
    request.onsuccess = () => {
      request.result.close();
      resolve(undefined);
    };
  });
  await expect(indexedDbAdapter({ name })).rejects.toMatchObject({ code: "newer_format" });
});

test("a put that stalls in one store does not hold up the same key of another store of the origin", async () => {
  const lastByName = new Map<string, Promise<unknown>>();
  const request = <T>(lock: string, body: () => Promise<T>): Promise<T> => {
    const run = (lastByName.get(lock) ?? Promise.resolve()).then(body);
    lastByName.set(
      lock,
      run.catch(() => undefined),
    );
    return run;
  };
  vi.stubGlobal("navigator", { locks: { request } });
  const one = await createStore({ name: `${name}-one`, adapter: "indexeddb" });
  const two = await createStore({ name: `${name}-two`, adapter: "indexeddb" });
  vi.unstubAllGlobals();
  stores.push(one, two);
  const stop = new AbortController();
  let onStalled = () => {};
  const isStalled = new Promise<void>((resolve) => {
    onStalled = resolve;
  });
  async function* source() {
    yield new Uint8Array(5);
    onStalled();
    await new Promise(() => undefined);
  }
  const stalled = one.blobs.put("avatar", source(), { signal: stop.signal });
  const refused = expect(stalled).rejects.toThrow("enough");
  await isStalled;
  expect((await two.blobs.put("avatar", "x")).size).toBe(1);
  stop.abort(new Error("enough"));
  await refused;
});
