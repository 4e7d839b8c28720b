// Uploads that are interrupted, taken up again, or still running while the store sweeps.
import { createStore, type PersistAdapter, type Store } from "@cuitty/persist";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { memoryAdapter } from "../src/adapters/memory.ts";

const chunk = 65_536;
const eightDaysMs = 8 * 24 * 3_600_000;
const bytes = Uint8Array.from({ length: 40 * chunk }, (_, i) => (i * 31 + (i >> 8)) & 255);

let adapter: PersistAdapter;
let store: Store;
let now: number;
beforeEach(async () => {
  now = 1_700_000_000_000;
  adapter = { ...memoryAdapter(), close: undefined };
  store = await createStore({ name: "uploads", adapter, clock: () => now });
});
afterEach(() => store.close());

/** A source that gives one part, waits, and gives another. */
function pausing(first: Uint8Array, second: Uint8Array) {
  let reached = () => {};
  let go = () => {};
  const isReached = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  async function* source() {
    yield first;
    reached();
    await gate;
    yield second;
  }
  return { source: source(), isReached, go: () => go() };
}

async function interrupt(key: string, size: number): Promise<void> {
  async function* source() {
    yield bytes.subarray(0, size);
    throw new Error("offline");
  }
  await expect(store.blobs.put(key, source())).rejects.toThrow("offline");
}

const isWhole = async (key: string) => Buffer.compare((await store.blobs.get(key))!, bytes) === 0;

describe("the sweep", () => {
  test("leaves an upload alone that is taken up again after more than 7 days", async () => {
    await interrupt("v", 32 * chunk);
    const from = await store.blobs.uploadedBytes("v");
    expect(from).toBe(32 * chunk);
    now += eightDaysMs;
    const { source, isReached, go } = pausing(bytes.subarray(from, from + 10), bytes.subarray(from + 10));
    const put = store.blobs.put("v", source, { resume: true, from });
    await isReached;
    await store.blobs.sweep();
    go();
    await put;
    expect(await isWhole("v")).toBe(true);
  });

  test("leaves an upload alone that runs while the clock passes 7 days", async () => {
    const { source, isReached, go } = pausing(bytes.subarray(0, 32 * chunk), bytes.subarray(32 * chunk));
    const put = store.blobs.put("w", source);
    await isReached;
    now += eightDaysMs;
    await store.blobs.sweep();
    go();
    await put;
    expect(await isWhole("w")).toBe(true);
  });

  test("counts the 7 days from the last time an upload was taken up", async () => {
    await interrupt("v", 32 * chunk);
    now += eightDaysMs;
    async function* nothing(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 0);
      throw new Error("offline again");
    }
    await expect(store.blobs.put("v", nothing(), { resume: true, from: 32 * chunk })).rejects.toThrow("offline again");
    await store.blobs.sweep();
    expect(await store.blobs.uploadedBytes("v")).toBe(32 * chunk);
    now += eightDaysMs;
    await store.blobs.sweep();
    expect(await store.blobs.uploadedBytes("v")).toBe(0);
  });
});
