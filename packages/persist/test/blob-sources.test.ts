// Sources of blobs that come from elsewhere: another realm, another reader.
import { runInNewContext } from "node:vm";
import { createStore, type Store } from "@cuitty/persist";
import { afterEach, beforeEach, expect, test } from "vitest";

let store: Store;
beforeEach(async () => {
  store = await createStore({ name: "sources", adapter: "memory" });
});
afterEach(() => store.close());

test("a stream that somebody else reads is refused as no option to put", async () => {
  const stream = new Blob(["text"]).stream();
  const reader = stream.getReader();
  await expect(store.blobs.put("s", stream)).rejects.toMatchObject({ code: "invalid_option", message: expect.stringContaining("already") });
  reader.releaseLock();
  expect((await store.blobs.put("s", stream)).size).toBe(4);
});

test("bytes of another realm are bytes, as a whole and as parts of a source", async () => {
  const foreign = runInNewContext("new Uint8Array([1, 2, 3, 4]).subarray(1)") as Uint8Array;
  const buffer = runInNewContext("new Uint8Array([2, 3, 4]).buffer") as ArrayBuffer;
  expect(foreign instanceof Uint8Array).toBe(false);
  for (const source of [foreign, buffer, [foreign.subarray(0, 1), foreign.subarray(1)]]) {
    const totals: unknown[] = [];
    await store.blobs.put("f", source, { onProgress: ({ totalBytes }) => totals.push(totalBytes) });
    expect([...(await store.blobs.get("f"))!]).toEqual([2, 3, 4]);
    expect(totals).toEqual([Array.isArray(source) ? undefined : 3]);
  }
});
