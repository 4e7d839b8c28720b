// What a store must do on any adapter, plain and encrypted.
import { createStore, type Store } from "../create-store.ts";
import type { ContractCase, ContractOptions } from "./adapter-contract.ts";
import { assertEqual, assertTrue } from "./assert.ts";

type Check = (store: Store) => Promise<void>;

export function storeCases(options: ContractOptions): ContractCase[] {
  const cases: ContractCase[] = [];
  for (const encrypt of [false, true]) {
    for (const [name, check] of checks) {
      cases.push({ name: `${encrypt ? "encrypted" : "plain"} store: ${name}`, run: () => withStore(options.open, encrypt, check) });
    }
    if (options.reopen)
      cases.push({
        name: `${encrypt ? "encrypted" : "plain"} store: data is there after opening again`,
        run: () => survives(options, encrypt),
      });
  }
  return cases;
}

/** A fixed key, so that no case leaves one in a keychain. */
const secrets = { key: new Uint8Array(32).fill(7), keyStorage: "none" } as const;

async function open(adapter: ContractOptions["open"], encrypt: boolean): Promise<Store> {
  return createStore({ name: "contract", adapter: await adapter(), encrypt, ...(encrypt ? secrets : {}) });
}

async function withStore(adapter: ContractOptions["open"], encrypt: boolean, check: Check): Promise<void> {
  const store = await open(adapter, encrypt);
  try {
    await check(store);
  } finally {
    await store.close();
  }
}

async function survives({ open: first, reopen }: ContractOptions, encrypt: boolean): Promise<void> {
  await withStore(first, encrypt, async (store) => {
    await store.records.put("users/alice", { name: "Alice" });
    await store.kv.put("theme", "dark");
    await store.events.append("log", { n: 1 });
  });
  await withStore(reopen!, encrypt, async (store) => {
    assertEqual(await store.records.get("users/alice"), { name: "Alice" }, "a record after opening again");
    assertEqual(await store.kv.get("theme"), "dark", "a kv entry after opening again");
    assertEqual((await store.events.list("log")).length, 1, "events after opening again");
  });
}

const checks: readonly (readonly [string, Check])[] = [
  [
    "records come back equal and sorted, page by page, in both directions",
    async (store) => {
      const keys = ["b/2", "b/1", "b/10", "a", "b", "c/1", "b/1/x", "b-1", "b/😀", "b/\ufffd"];
      await Promise.all(keys.map((key, i) => store.records.put(key, { i })));
      const sorted = keys.filter((key) => key.startsWith("b/")).sort();
      assertEqual(
        (await store.records.list("b/")).map(({ key }) => key),
        sorted,
        "list",
      );
      const pages: string[] = [];
      for (let after: string | undefined; ; ) {
        const page = await store.records.list("b/", { limit: 2, reverse: true, ...(after === undefined ? {} : { after }) });
        pages.push(...page.map(({ key }) => key));
        if (page.length < 2) break;
        after = page.at(-1)!.key;
      }
      assertEqual(pages, sorted.slice().reverse(), "pages from the end");
      for (const [i, key] of keys.entries()) assertEqual(await store.records.get(key), { i }, `get ${key}`);
    },
  ],
  [
    "a get sees every put called before it, awaited or not",
    async (store) => {
      for (let i = 0; i < 20; i++) void store.records.put("key", { i });
      assertEqual(await store.records.get("key"), { i: 19 }, "get after 20 puts");
      void store.records.delete("key");
      assertEqual(await store.records.list(), [], "list after delete");
    },
  ],
  [
    "facets do not see each other's keys",
    async (store) => {
      await Promise.all([
        store.records.put("same", { facet: "records" }),
        store.kv.put("same", "kv"),
        store.events.append("same", "event"),
      ]);
      assertEqual(await store.records.list(), [{ key: "same", value: { facet: "records" } }], "records");
      assertEqual(await store.kv.list(), [{ key: "same", value: "kv" }], "kv");
      assertEqual(
        (await store.events.list("same")).map(({ data }) => data),
        ["event"],
        "events",
      );
    },
  ],
  [
    "events of a log keep their order",
    async (store) => {
      await Promise.all(Array.from({ length: 30 }, (_, n) => store.events.append(n % 2 === 0 ? "even" : "odd", { n })));
      const even = await store.events.list<{ n: number }>("even");
      assertEqual(
        even.map(({ data }) => data.n),
        Array.from({ length: 15 }, (_, i) => i * 2),
        "even events",
      );
      const after = await store.events.list<{ n: number }>("even", { after: even[9]!.id, limit: 2 });
      assertEqual(
        after.map(({ data }) => data.n),
        [20, 22],
        "events after an id",
      );
    },
  ],
  [
    "a batch, where the adapter can, is seen whole; elsewhere it throws unsupported",
    async (store) => {
      if (!store.status().capabilities.atomicBatch) {
        const error = await store
          .batch(() => undefined)
          .then(
            () => undefined,
            (thrown: { code?: string }) => thrown,
          );
        assertEqual(error?.code, "unsupported", "the error of a batch");
        return;
      }
      await store.batch((batch) => {
        batch.records.put("a", { n: 1 });
        batch.kv.put("b", 2);
        batch.events.append("c", 3);
      });
      assertEqual(
        [await store.records.get("a"), await store.kv.get("b"), (await store.events.list("c")).length],
        [{ n: 1 }, 2, 1],
        "what the batch wrote",
      );
    },
  ],
  ["blobs, where the adapter can, come back whole and in part", checkBlobs],
];

async function checkBlobs(store: Store): Promise<void> {
  if (!store.status().capabilities.blobs) return;
  const bytes = Uint8Array.from({ length: 200_001 }, (_, i) => (i * 7) & 255);
  await store.blobs.put("one", bytes);
  await store.blobs.put("two", [bytes.subarray(0, 5), bytes.subarray(5)]);
  assertEqual(await store.blobs.get("one"), bytes, "a blob");
  assertEqual(await store.blobs.get("two", { start: 65_530, end: 131_080 }), bytes.subarray(65_530, 131_080), "a part of a blob");
  await store.blobs.delete("one");
  assertEqual(await store.blobs.get("two"), bytes, "a blob whose twin was deleted");
  await store.blobs.delete("two");
  assertTrue((await store.blobs.get("two")) === undefined, "a deleted blob must be gone");
}
