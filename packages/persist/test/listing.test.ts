// Listings of keys in any script come back whole and in order, and end whatever an adapter answers.
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

const folder = await mkdtemp(join(tmpdir(), "persist-listing-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
let number = 0;

const openers: Record<string, () => Promise<PersistAdapter>> = {
  sqlite: () => sqliteAdapter({ path: join(folder, `${++number}.db`), durability: "normal" }),
  indexeddb: () => indexedDbAdapter({ name: `listing${++number}` }),
  memory: async () => memoryAdapter(),
};
const secret = { encrypt: true, key: new Uint8Array(32).fill(6), keyStorage: "none" } as const;

const letter = fc.oneof(
  fc.constantFrom("a", "é", "e\u0301", "\ud000", "한", "국", "\ud7ff", "\ue000", "\ufffd", "\uffff", "😀", "\u{10ffff}", "/"),
  fc.string({ unit: "binary", minLength: 1, maxLength: 1 }).filter((text) => text !== "\0" && text !== "."),
);
const keys = fc.uniqueArray(
  fc.array(letter, { minLength: 1, maxLength: 8 }).map((letters) => letters.join("")),
  { maxLength: 24 },
);

async function textOf(store: Store): Promise<string> {
  let text = "";
  for await (const line of store.export()) text += line;
  return text;
}

/** Two at a time; ends also where a page does not move on. */
async function pagedKeys(adapter: PersistAdapter, { reverse, most }: { reverse: boolean; most: number }): Promise<string[]> {
  const listed: string[] = [];
  let after: string | undefined;
  do {
    const page = await adapter.range!({ prefix: "", limit: 2, reverse, ...(after === undefined ? {} : { after }) });
    listed.push(...page.map(({ key }) => key));
    after = page.length < 2 ? undefined : page.at(-1)!.key;
  } while (after !== undefined && listed.length <= most);
  return listed;
}

describe.each(Object.entries(openers))("on %s", (_name, open) => {
  test("keys of any script are listed, paged, exported and found again", async () => {
    await fc.assert(
      fc.asyncProperty(keys, async (names) => {
        const adapter = await open();
        for (const key of names) await adapter.put(key, key);
        const sorted = names.slice().sort();
        for (const reverse of [false, true]) {
          const expected = reverse ? sorted.slice().reverse() : sorted;
          expect(await pagedKeys(adapter, { reverse, most: names.length })).toEqual(expected);
        }
        for (const key of names) expect(await adapter.get(key)).toBe(key);
        await adapter.close?.();
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  test("more than a page of Korean names with emoji is listed in both directions, exported and imported", async () => {
    const store = await createStore({ name: "k", adapter: await open() });
    const names = Array.from({ length: 600 }, (_, i) => `한😀${String(i).padStart(3, "0")}`);
    await store.batch((batch) => {
      for (const name of names) batch.records.put(name, name);
    });
    expect((await store.records.list()).map(({ key }) => key)).toEqual(names);
    expect((await store.records.list("", { reverse: true })).map(({ key }) => key)).toEqual(names.slice().reverse());
    const target = await createStore({ name: "t", adapter: "memory" });
    expect((await target.import(await textOf(store))).records).toBe(600);
    expect((await target.records.list()).every(({ key, value }) => key === value)).toBe(true);
    await Promise.all([store.close(), target.close()]);
  });
});

/** A range that forgets where the page before ended. */
function stuck(): PersistAdapter {
  const inner = memoryAdapter();
  return { ...inner, range: ({ after: _after, ...query }) => inner.range!(query) };
}

test.each([false, true])(
  "a range that does not move on ends in `corrupt`, never in an endless listing (encrypted: %s)",
  async (encrypt) => {
    const store = await createStore({ name: "stuck", adapter: stuck(), ...(encrypt ? secret : {}) });
    await store.batch((batch) => {
      for (let i = 0; i < 600; i++) {
        batch.records.put(`r${i}`, i);
        if (i < 300) batch.events.append("log", i);
      }
    });
    const listings = [() => store.records.list(), () => store.events.list("log"), () => textOf(store)];
    if (!encrypt) listings.push(() => store.records.list("", { reverse: true }));
    for (const list of listings) await expect(Promise.resolve(list())).rejects.toMatchObject({ code: "corrupt" });
    await store.close();
  },
);
