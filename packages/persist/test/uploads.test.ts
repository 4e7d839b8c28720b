// Uploads that are interrupted, taken up again, or still running while the store sweeps.
import { createStore, type PersistAdapter, type Store } from "@cuitty/persist";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { memoryAdapter } from "../src/adapters/memory.ts";
import { pausing } from "./support/pausing.ts";

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

/** Web Locks as far as a store uses them. */
function webLocks() {
  const lastByName = new Map<string, Promise<unknown>>();
  async function request(...args: readonly unknown[]): Promise<unknown> {
    const [name, body] = [args[0] as string, args.at(-1) as (lock: unknown) => Promise<unknown>];
    const before = lastByName.get(name);
    if (before && args.length === 3) return body(null);
    const run = (before ?? Promise.resolve()).then(() => body({ name }));
    const settled = run
      .catch(() => undefined)
      .then(() => {
        if (lastByName.get(name) === settled) lastByName.delete(name);
      });
    lastByName.set(name, settled);
    return run;
  }
  return { request };
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

  test("leaves an upload alone that another tab runs, where there are Web Locks", async () => {
    const { request } = webLocks();
    vi.stubGlobal("navigator", { locks: { request } });
    // Only what tabs share is locked for all of them, and a place that is watched is.
    const shared = { ...adapter, watch: () => () => undefined };
    const [one, two] = [
      await createStore({ name: "t", adapter: shared, clock: () => now }),
      await createStore({ name: "t", adapter: shared, clock: () => now }),
    ];
    vi.unstubAllGlobals();
    const { source, isReached, go } = pausing(bytes.subarray(0, 32 * chunk), bytes.subarray(32 * chunk));
    const put = one.blobs.put("w", source);
    await isReached;
    now += eightDaysMs;
    await two.blobs.sweep();
    go();
    await put;
    expect(Buffer.compare((await two.blobs.get("w"))!, bytes)).toBe(0);
    await Promise.all([one.close(), two.close()]);
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

describe("uploadedBytes", () => {
  test("never counts a short last chunk, and a put from there goes through", async () => {
    const short = bytes.subarray(0, 15 * chunk + 100);
    const failing = store.blobs.put("v", short, {
      onProgress: ({ storedBytes }) => {
        if (storedBytes === short.length) throw new Error("broken listener");
      },
    });
    await expect(failing).rejects.toThrow("broken listener");
    const from = await store.blobs.uploadedBytes("v");
    expect(from).toBeLessThanOrEqual(short.length);
    await store.blobs.put("v", short.subarray(from), { resume: true, from });
    expect(Buffer.compare((await store.blobs.get("v"))!, short)).toBe(0);
  });

  test.each([
    ["the rest of the source", 40],
    ["no more than the whole chunks", 15],
  ])("does not count a short chunk that an earlier release stored: %s goes on from there", async (_name, chunks) => {
    const put = (key: string, value: unknown) => adapter.put(key, value);
    for (let i = 0; i < 16; i++) {
      const size = i < 15 ? chunk : 100;
      await put(`chunks/2:id/${i.toString(16).padStart(8, "0")}`, bytes.slice(i * chunk, i * chunk + size));
    }
    await put("uploads/v", JSON.stringify({ id: "id", chunks: 16, atMs: now }));
    const from = await store.blobs.uploadedBytes("v");
    expect(from).toBe(15 * chunk);
    const whole = bytes.subarray(0, chunks * chunk);
    await store.blobs.put("v", whole.subarray(from), { resume: true, from });
    expect(Buffer.compare((await store.blobs.get("v"))!, whole)).toBe(0);
    await store.blobs.delete("v");
    expect(await adapter.range!({ prefix: "chunks/", limit: 9 })).toEqual([]);
  });
});

test("`from` without `resume` is refused, and the stored upload stays", async () => {
  await interrupt("v", 32 * chunk);
  const from = await store.blobs.uploadedBytes("v");
  const refused = { code: "invalid_option", message: expect.stringContaining("resume: true") };
  await expect(store.blobs.put("v", bytes.subarray(from), { from })).rejects.toMatchObject(refused);
  await expect(store.blobs.put("v", bytes.subarray(from), { from, resume: false })).rejects.toMatchObject(refused);
  await store.blobs.put("v", bytes.subarray(from), { from, resume: true });
  expect(await isWhole("v")).toBe(true);
  await store.blobs.put("v", "text", { from: 0 });
});

describe("a source that cannot be read", () => {
  test.each<[string, () => unknown]>([
    [
      "a stream that somebody else reads",
      () => {
        const stream = new Blob(["text"]).stream();
        stream.getReader();
        return stream;
      },
    ],
    ["a number", () => 7],
    ["nothing", () => null],
  ])("%s is refused before the stored upload is dropped", async (_name, source) => {
    await interrupt("v", 32 * chunk);
    await expect(store.blobs.put("v", source() as string)).rejects.toMatchObject({ code: "invalid_option" });
    expect(await store.blobs.uploadedBytes("v")).toBe(32 * chunk);
  });

  test("a stream that is locked while the put waits for its turn is refused too", async () => {
    const { source, isReached, go } = pausing(bytes.subarray(0, 10), bytes.subarray(10));
    const first = store.blobs.put("v", source);
    await isReached;
    const stream = new Blob(["text"]).stream();
    const second = expect(store.blobs.put("v", stream)).rejects.toMatchObject({ code: "invalid_option" });
    stream.getReader();
    go();
    await Promise.all([first, second]);
    expect(await isWhole("v")).toBe(true);
  });
});
