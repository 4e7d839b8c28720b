// What browsers refuse, and how: each in its own way, and the store must end up whole and say what it was.
import "fake-indexeddb/auto";
import { createStore } from "@cuitty/persist";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { indexedDbAdapter } from "../src/adapters/indexeddb.ts";
import { browserKeyPlace } from "../src/keys/browser-keys.ts";
import { createKeyStorage } from "../src/keys/key-storage.ts";

let number = 0;
let name: string;
beforeEach(() => {
  name = `refusing${++number}`;
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const requests = { put: IDBObjectStore.prototype.put, delete: IDBObjectStore.prototype.delete };
const refusal = (reason: string) => new DOMException("refused", reason);

/** Requests that are refused, one reason after the other, as soon as they are made; those that follow are not. */
function refuse(method: "put" | "delete", ...reasons: readonly string[]): void {
  const left = [...reasons];
  const real = requests[method] as (this: IDBObjectStore, ...given: unknown[]) => IDBRequest<IDBValidKey> & IDBRequest<undefined>;
  vi.spyOn(IDBObjectStore.prototype, method).mockImplementation(function (this: IDBObjectStore, ...given: unknown[]) {
    const reason = left.shift();
    if (reason) throw refusal(reason);
    return real.apply(this, given);
  });
}

const refusePuts = (...reasons: readonly string[]) => refuse("put", ...reasons);

describe("Firefox, once its storage is full, lets the next transaction only delete", () => {
  test.each([
    ["a batch that needs nothing it read", false],
    ["a batch that needs what it read", true],
  ])("%s happens as a whole or not at all", async (_name, reads) => {
    const store = await createStore({ name, adapter: await indexedDbAdapter({ name }) });
    await store.records.put("old", 1);
    const move = () =>
      store.batch(async (batch) => {
        if (reads) await batch.records.get("old");
        batch.records.delete("old");
        batch.records.put("new", 1);
      });
    refusePuts("InvalidStateError", "QuotaExceededError");
    await expect(move()).rejects.toMatchObject({ code: "full", retryable: true });
    expect(await store.records.list()).toEqual([{ key: "old", value: 1 }]);
    // There is room again: only the way in is still closed.
    refusePuts("InvalidStateError");
    await move();
    expect(await store.records.list()).toEqual([{ key: "new", value: 1 }]);
    await store.close();
  });

  test("what only deletes is tried once more, and not for ever", async () => {
    const store = await createStore({ name, adapter: await indexedDbAdapter({ name }) });
    await store.records.put("old", 1);
    await store.blobs.put("old", "text");
    refuse("delete", "QuotaExceededError");
    await store.records.delete("old");
    refuse("delete", "QuotaExceededError");
    expect(await store.blobs.delete("old")).toBeUndefined();
    expect(await store.records.list()).toEqual([]);
    await store.records.put("other", 1);
    refuse("delete", "QuotaExceededError", "QuotaExceededError");
    await expect(store.records.delete("other")).rejects.toMatchObject({ code: "full" });
    expect(await store.records.get("other")).toBe(1);
    await store.close();
  });

  test("writers that meet it at once go on together, and no connection is left behind", async () => {
    const opened: IDBDatabase[] = [];
    const { open } = indexedDB;
    vi.spyOn(indexedDB, "open").mockImplementation((...given) => {
      const request = open.apply(indexedDB, given);
      request.addEventListener("success", () => opened.push(request.result));
      return request;
    });
    const adapter = await indexedDbAdapter({ name });
    refusePuts("InvalidStateError", "InvalidStateError", "InvalidStateError");
    await Promise.all(["a", "b", "c"].map((key) => adapter.put(key, key)));
    expect(await adapter.range!({ prefix: "", limit: 10 })).toHaveLength(3);
    await adapter.close!();
    expect(opened).toHaveLength(2);
    for (const database of opened)
      expect(() => database.transaction("rows")).toThrow(expect.objectContaining({ name: "InvalidStateError" }));
  });
});

test.each([
  ["SecurityError", { code: "io", message: expect.stringContaining("sandboxed") }],
  ["QuotaExceededError", { code: "full" }],
])("a page that may not open a database at all hears it typed (%s)", async (reason, expected) => {
  vi.spyOn(indexedDB, "open").mockImplementation(() => {
    throw refusal(reason);
  });
  await expect(createStore({ name, adapter: "indexeddb" })).rejects.toMatchObject(expected);
  const place = browserKeyPlace();
  const code = expected.code === "full" ? "full" : "key_storage_failed";
  await expect(place.load("id")).rejects.toMatchObject({ code });
  await expect(place.update("id", async () => "text")).rejects.toMatchObject({ code });
});

test("a browser that hides IndexedDB is one without", async () => {
  vi.stubGlobal("indexedDB", null);
  await expect(createStore({ name, adapter: "indexeddb" })).rejects.toMatchObject({ code: "unsupported" });
});

describe("the place of a browser's key", () => {
  const advice = "pass `key`";
  const save = (text: string) => createKeyStorage([browserKeyPlace()], advice).update(name, async () => text);

  test("says that the storage is full", async () => {
    refusePuts("QuotaExceededError");
    await expect(save("text")).rejects.toMatchObject({ code: "full" });
    await save("text");
    expect(await browserKeyPlace().load(name)).toBe("text");
  });

  test("says where keys cannot be kept: shared workers of Safari cannot clone one", async () => {
    const clone = structuredClone;
    vi.stubGlobal("structuredClone", (value: unknown) => {
      if (value instanceof CryptoKey) throw refusal("DataCloneError");
      return clone(value);
    });
    await expect(save("text")).rejects.toMatchObject({ code: "unsupported", message: expect.stringContaining("dedicated worker") });
  });

  /** Replaces what is kept for the store. */
  function overwrite(change: (kept: object) => unknown): Promise<void> {
    return new Promise((resolve) => {
      const opening = indexedDB.open("cuitty-keys");
      opening.onsuccess = () => {
        const transaction = opening.result.transaction("keys", "readwrite");
        const found = transaction.objectStore("keys").get(name);
        found.onsuccess = () => transaction.objectStore("keys").put(change(found.result), name);
        transaction.oncomplete = () => {
          opening.result.close();
          resolve();
        };
      };
    });
  }

  test.each([
    ["is read as nothing, as WebKit does where it cannot unwrap a CryptoKey", () => null],
    ["does not open any more", (kept: object) => ({ ...kept, sealed: new ArrayBuffer(40) })],
  ])("tells of a key that %s, and takes one that opens the store in its stead", async (_name, change) => {
    await save("first");
    await overwrite(change);
    await expect(browserKeyPlace().load(name)).rejects.toMatchObject({ code: "key_storage_failed" });
    expect(await save("second")).toBe(true);
    expect(await browserKeyPlace().load(name)).toBe("second");
  });
});
