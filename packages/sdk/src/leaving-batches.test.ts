// A page that goes away in a browser that gives up its last writes to IndexedDB, as Safari does: its batches are there at the next visit.
import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { SpooledBatch } from "./spool.ts";
import { indexedDbSpool } from "./spool-indexeddb.ts";

let page: EventTarget;
let name: string;
let number = 0;

beforeEach(() => {
  page = new EventTarget();
  name = `leaving${++number}`;
  vi.stubGlobal("document", { visibilityState: "visible" });
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
});
afterEach(() => {
  vi.unstubAllGlobals();
});

/** As browsers have it: its keys are properties of their own. */
function stubStorage(entries: Readonly<Record<string, string>> = {}): Record<string, string> {
  const storage = Object.create({
    getItem: (key: string) => storage[key] ?? null,
    setItem(key: string, text: string) {
      storage[key] = text;
    },
    removeItem(key: string) {
      delete storage[key];
    },
  }) as Record<string, string>;
  Object.assign(storage, entries);
  vi.stubGlobal("localStorage", storage);
  return storage;
}

const batchOf = (key: string): SpooledBatch => ({ key, sealedAtMs: Date.now() + key.charCodeAt(0), events: [JSON.stringify({ id: key })] });

async function takeAll(): Promise<string[]> {
  const spool = await indexedDbSpool({ name });
  const keys: string[] = [];
  for (let batch = await spool.claim(() => false); batch; batch = await spool.claim(() => false)) {
    keys.push(batch.key);
    await spool.remove(batch.key);
  }
  spool.close?.();
  return keys;
}

/** The next page: what was written aside is there, what IndexedDB was about to write is not. */
function visitAgain(entries: Readonly<Record<string, string>>): Record<string, string> {
  vi.stubGlobal("indexedDB", new IDBFactory());
  return stubStorage(entries);
}

test.each(["pagehide", "visibilitychange"])("what is stored at %s waits for the next visit", async (event) => {
  const storage = stubStorage();
  const spool = await indexedDbSpool({ name });
  const early = spool.put(batchOf("a"));
  if (event === "visibilitychange") vi.stubGlobal("document", { visibilityState: "hidden" });
  page.dispatchEvent(new Event(event));
  // What the page's own listeners of this moment emit.
  const late = spool.put(batchOf("b"));
  const left = { ...storage };
  expect(Object.keys(left)).toHaveLength(2);
  await Promise.all([early, late]);
  // The page lives on, as in the back-forward cache: the spool has them.
  expect(storage).toEqual({});
  spool.close?.();
  const next = visitAgain({ ...left, theme: "dark" });
  expect(await takeAll()).toEqual(["a", "b"]);
  expect(next).toEqual({ theme: "dark" });
});

test("nothing is written aside by a page that stays, or comes to the front", async () => {
  const storage = stubStorage();
  const spool = await indexedDbSpool({ name });
  const storing = spool.put(batchOf("a"));
  page.dispatchEvent(new Event("visibilitychange"));
  expect(storage).toEqual({});
  await storing;
  page.dispatchEvent(new Event("pagehide"));
  expect(storage).toEqual({});
  spool.close?.();
  expect(await takeAll()).toEqual(["a"]);
});

test("what is no batch is left alone, and a storage that is full or forbidden is done without", async () => {
  const junk = { [`${name}/1`]: "{", [`${name}/2`]: "null", [`${name}/3`]: '{"key":"k","sealedAtMs":1,"events":[1]}' };
  const storage = stubStorage(junk);
  expect(await takeAll()).toEqual([]);
  expect(storage).toEqual(junk);
  vi.stubGlobal("localStorage", {
    setItem() {
      throw new DOMException("full", "QuotaExceededError");
    },
  });
  const spool = await indexedDbSpool({ name });
  const storing = spool.put(batchOf("a"));
  page.dispatchEvent(new Event("pagehide"));
  await storing;
  spool.close?.();
  vi.unstubAllGlobals();
  Object.defineProperty(globalThis, "localStorage", {
    configurable: true,
    get() {
      throw new DOMException("forbidden", "SecurityError");
    },
  });
  vi.stubGlobal("document", { visibilityState: "visible" });
  try {
    expect(await takeAll()).toEqual(["a"]);
  } finally {
    Reflect.deleteProperty(globalThis, "localStorage");
  }
});
