// Rows of a plain store that another program changed: a typed error, and nothing of their content in it.
import { createStore, type Store } from "@cuitty/persist";
import { afterEach, beforeEach, expect, test } from "vitest";
import { memoryAdapter } from "../src/adapters/memory.ts";

const adapter = { ...memoryAdapter(), close: undefined };
let store: Store;
beforeEach(async () => {
  store = await createStore({ name: "damaged", adapter });
  await store.records.put("r", { a: 1 });
  await store.kv.put("k", 1, { ttlMs: 1e9 });
  await store.events.append("log", { a: 1 });
  await store.blobs.put("b", "hello");
});
afterEach(async () => {
  await store.close();
  for await (const { key } of await adapter.list("")) await adapter.delete(key);
});

async function damage(prefix: string, value: unknown): Promise<void> {
  const found = await adapter.range!({ prefix, limit: 1 });
  await adapter.put(found[0]!.key, value);
}

async function exported(): Promise<void> {
  for await (const _line of store.export());
}

const reads: Record<string, readonly (() => PromiseLike<unknown>)[]> = {
  records: [() => store.records.get("r"), () => store.records.list(), () => store.batch((batch) => batch.records.get("r")), exported],
  kv: [() => store.kv.get("k"), () => store.kv.list(), exported],
  events: [() => store.events.list("log"), exported],
  blobs: [() => store.blobs.get("b"), () => store.blobs.info("b"), () => store.blobs.list(), () => store.blobs.put("b", "new"), exported],
};

test.each([
  ["records/r", '{"secret":"CANARY"'],
  ["records/r", "CANARY"],
  ["records/r", ""],
  ["kv/k", '\u0001{"x":1e99}\nCANARY'],
  ["kv/k", "\u0001CANARY\n1"],
  ["kv/k", '\u0001{"CANARY"'],
  ["kv/k", "\u0001null\n1"],
  ["events/", "CANARY"],
  ["blobs/b", "CANARY"],
  ["blobs/b", "{}"],
  ["blobs/b", "null"],
  ["blobs/b", '{"size":5,"hash":"CANARY","atMs":1}'],
])("%s as %j is corrupt in every reading", async (prefix, value) => {
  await damage(prefix, value);
  for (const read of reads[prefix.slice(0, prefix.indexOf("/"))]!) {
    const error = await Promise.resolve(read()).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ name: "CuittyError", code: "corrupt" });
    expect(JSON.stringify([(error as Error).message, (error as Error).stack, (error as Error).cause])).not.toContain("CANARY");
  }
});

test("a sweep that meets a damaged entry says so too", async () => {
  await damage("kv/k", "\u0001CANARY\n1");
  await expect(store.kv.sweep()).rejects.toMatchObject({ code: "corrupt" });
});
