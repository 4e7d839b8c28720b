// Two tabs that rotate the key of one store: whoever is first, no key is ever replaced, and both go on.
import "fake-indexeddb/auto";
import { createStore, type Store, type StoreOptions } from "@cuitty/persist";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { indexedDbAdapter } from "../src/adapters/indexeddb.ts";
import { browserKeyPlace } from "../src/keys/browser-keys.ts";
import { createStoreIn, sharedKeyFile } from "./support/shared-key.ts";

let number = 0;
let stores: Store[] = [];
let name: string;
let keyFile: string;
beforeEach(() => {
  name = `rotation${++number}`;
  keyFile = sharedKeyFile();
  stores = [];
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await Promise.all(stores.map((store) => store.close()));
});

async function tab(): Promise<Store> {
  const store = await createStoreIn(keyFile, name);
  stores.push(store);
  return store;
}

async function tabWithoutStorage(key: StoreOptions["key"]): Promise<Store> {
  const store = await createStore({ name, adapter: await indexedDbAdapter({ name }), encrypt: true, keyStorage: "none", key });
  stores.push(store);
  return store;
}

const records = 20;

async function fill(store: Store): Promise<void> {
  for (let i = 0; i < records; i++) await store.records.put(`r/${i}`, i);
}

async function expectAllReadable(store: Store): Promise<void> {
  for (let i = 0; i < records; i++) expect(await store.records.get(`r/${i}`)).toBe(i);
}

/** Web Locks as browsers have them: one holder of a name at a time, whichever tab asks. */
function stubLocks(): void {
  const last = new Map<string, Promise<unknown>>();
  const request = (lock: string, body: () => Promise<unknown>) => {
    const run = (last.get(lock) ?? Promise.resolve()).then(body);
    last.set(
      lock,
      run.catch(() => undefined),
    );
    return run;
  };
  vi.stubGlobal("navigator", { locks: { request } });
}

test("a tab that rotates after another did so makes the next epoch, and every value stays readable", async () => {
  const [one, two] = [await tab(), await tab()];
  await fill(one);
  const first = await one.crypto.rotateKey();
  const second = await two.crypto.rotateKey();
  await Promise.all([first.done, second.done]);
  expect([first.epoch, second.epoch]).toEqual([2, 3]);
  await one.records.put("by one", 1);
  await two.records.put("by two", 2);
  await Promise.all(stores.splice(0).map((store) => store.close()));
  const again = await tab();
  expect(again.crypto.status()).toMatchObject({ epoch: 3, epochs: 3 });
  await expectAllReadable(again);
  expect([await again.records.get("by one"), await again.records.get("by two")]).toEqual([1, 2]);
});

test.each([true, false])("tabs that rotate at the same moment lose nothing (Web Locks: %s)", async (hasLocks) => {
  if (hasLocks) stubLocks();
  const tabs = [await tab(), await tab(), await tab()];
  await fill(tabs[0]!);
  const saved: string[] = [];
  const rotations = await Promise.all(tabs.map((store) => store.crypto.rotateKey({ save: (key) => saved.push(key) })));
  await Promise.all(rotations.map(({ done }) => done));
  await Promise.all(tabs.map((store, i) => store.records.put(`by ${i}`, i)));
  for (const store of tabs) await expectAllReadable(store);
  await Promise.all(stores.splice(0).map((store) => store.close()));
  const again = await tab();
  await expectAllReadable(again);
  expect(await Promise.all(tabs.map((_, i) => again.records.get(`by ${i}`)))).toEqual([0, 1, 2]);
  expect(again.crypto.status().epoch).toBe(Math.max(...rotations.map(({ epoch }) => epoch)));
  await again.close();
  // What the last callback was given opens the store where nothing is kept.
  const newest = await tabWithoutStorage(saved.at(-1)!);
  await expectAllReadable(newest);
});

test("what a tab exports after another rotated opens the store", async () => {
  const [one, two] = [await tab(), await tab()];
  await fill(one);
  await one.crypto.rotateKey();
  const keys = [await two.crypto.exportKey()];
  await one.crypto.rotateKey();
  keys[0] = await two.crypto.exportKey();
  keys.push(await two.crypto.recoveryCode());
  await Promise.all(stores.splice(0).map((store) => store.close()));
  for (const key of keys) {
    const again = await tabWithoutStorage(key);
    await expectAllReadable(again);
    await again.close();
  }
});

test("a tab writes under the key another tab made as soon as it hears of it", async () => {
  const [one, two] = [await tab(), await tab()];
  await fill(one);
  await (await one.crypto.rotateKey()).done;
  await vi.waitFor(() => expect(two.crypto.status()).toMatchObject({ epoch: 2, epochs: 2 }));
  await two.records.put("by two", 2);
  const adapter = await indexedDbAdapter({ name });
  for await (const { key, value } of await adapter.list("")) {
    if (key !== "meta/manifest") expect(Buffer.from(value as Uint8Array).readUInt32BE(5)).toBe(2);
  }
  await adapter.close!();
});

test("without a place for the key a tab says that another one rotated, and replaces nothing", async () => {
  const key = new Uint8Array(32).fill(7);
  const [one, two] = [await tabWithoutStorage(key), await tabWithoutStorage(key)];
  await fill(one);
  let saved = "";
  await one.crypto.rotateKey({
    save: (exported) => {
      saved = exported;
    },
  });
  const save = vi.fn();
  await expect(two.crypto.rotateKey({ save })).rejects.toMatchObject({ code: "key_missing" });
  await expect(two.crypto.exportKey()).rejects.toMatchObject({ code: "key_missing" });
  expect(save).not.toHaveBeenCalled();
  await two.records.put("under the old key", 1);
  await Promise.all(stores.splice(0).map((store) => store.close()));
  const again = await tabWithoutStorage(saved);
  await expectAllReadable(again);
  expect(await again.records.get("under the old key")).toBe(1);
});

test("a rotation that stopped after its key was saved is ended with the same key", async () => {
  const inner = await indexedDbAdapter({ name });
  let isFull = false;
  const adapter: typeof inner = {
    ...inner,
    batch: (ops) => (isFull && ops.some((op) => op.key === "meta/manifest") ? Promise.reject(new Error("full")) : inner.batch!(ops)),
  };
  const store = await createStore({ name, adapter, encrypt: true, keyStorage: "file", keyFile });
  stores.push(store);
  const saved: string[] = [];
  const save = (key: string) => saved.push(key);
  isFull = true;
  await expect(store.crypto.rotateKey({ save })).rejects.toMatchObject({ code: "write_failed", cause: new Error("full") });
  isFull = false;
  expect((await store.crypto.rotateKey({ save })).epoch).toBe(2);
  expect(saved[1]).toBe(saved[0]);
});

test("two tabs that save a browser's key at once each see what the other saved", async () => {
  const [one, two] = [browserKeyPlace(), browserKeyPlace()];
  const add = (text: string) => async (saved: string | undefined) => `${saved ?? ""}${text}`;
  await Promise.all([one.update(name, add("a")), two.update(name, add("b")), one.update(name, add("c"))]);
  expect([...(await two.load(name))!].sort()).toEqual(["a", "b", "c"]);
  expect(await one.update(name, async () => undefined)).toBe(false);
});
