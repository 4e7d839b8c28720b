// Spools that never answer, or too late: sending goes on without them, with one warning.
import { type CuittyOptions, createCuittyClient, type SpoolAdapter, type SpooledBatch } from "@cuitty/sdk";
import { createRecorder } from "@cuitty/sdk/testing";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { createCuittyClient as createPageClient } from "./browser/index.ts";

const identity = { portalUrl: "http://recorder.invalid", projectId: "p", apiKey: "cuitty_pk_test" };
const never = new Promise<never>(() => {});
const warnings: string[] = [];

// Loaded before, so that no test waits for the compiler.
beforeAll(() => Promise.all([import("./node/engine.ts"), import("./browser/engine.ts"), import("./spool-indexeddb.ts")]));
beforeEach(() => {
  warnings.length = 0;
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  vi.spyOn(process.stderr, "write").mockImplementation((line) => warnings.push(`${line}`) > 0);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** Lets fake time pass; imports and compression take real turns of the event loop. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 50) {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(50);
  }
}

function start(options: Partial<CuittyOptions>, create = createCuittyClient) {
  const recorder = createRecorder();
  const client = create({ ...identity, fetch: recorder.fetch, ...options }).start();
  const emit = (from: number, count: number): void => {
    for (let n = from; n < from + count; n++) client.emit({ type: "audit", data: { n } });
  };
  const numbers = (): unknown[] => recorder.events.map(({ data }) => data.n);
  return { client, emit, numbers };
}

test.each<[string, Partial<SpoolAdapter>, CuittyOptions["durability"]]>([
  ["claim never answers", { claim: () => never }, "exit"],
  ["put never answers, in wal mode", { put: () => never }, "wal"],
  ["remove never answers, in wal mode", { put: async () => {}, remove: () => never }, "wal"],
])("a spool whose %s holds sending up for some seconds, once, and not for ever", async (_name, silent, durability) => {
  const put = vi.fn(silent.put ?? (() => {}));
  const { client, emit, numbers } = start({ spool: { remove() {}, claim: () => undefined, ...silent, put }, durability });
  emit(0, 1);
  await pass(4_500);
  expect(numbers()).toEqual([0]);
  for (let n = 1; n < 6; n++) {
    emit(n, 1);
    await pass(500);
  }
  expect(numbers()).toEqual([0, 1, 2, 3, 4, 5]);
  expect(client.stats()).toMatchObject({ emitted: 6, sent: 6, pending: 0, dropped: 0 });
  expect(warnings.length).toBeLessThanOrEqual(1);
  expect(put.mock.calls.length).toBeLessThanOrEqual(durability === "wal" && silent.remove ? 6 : 1);
});

test("a spool that answers at last is used again, and has no batch left that was sent meanwhile", async () => {
  const batches = new Map<string, SpooledBatch>();
  let isSlow = true;
  const answer = async (): Promise<void> => {
    if (isSlow) await new Promise((resolve) => setTimeout(resolve, 8_000));
  };
  const spool: SpoolAdapter = {
    put: (batch) => answer().then(() => void batches.set(batch.key, batch)),
    remove: (key) => void batches.delete(key),
    claim: () => undefined,
  };
  const put = vi.spyOn(spool, "put");
  const { client, emit, numbers } = start({ spool, durability: "wal" });
  emit(0, 1);
  await pass(4_000);
  emit(1, 1);
  await pass(1_000);
  expect(numbers()).toEqual([0, 1]);
  isSlow = false;
  await pass(8_000);
  expect(batches.size).toBe(0);
  emit(2, 1);
  await pass(1_000);
  expect(put).toHaveBeenCalledTimes(2);
  expect(batches.size).toBe(0);
  expect(client.stats()).toMatchObject({ sent: 3, pending: 0 });
});

test("in a page whose IndexedDB never opens, events are sent all the same", async () => {
  vi.stubGlobal("indexedDB", { open: () => ({}) });
  const { client, emit, numbers } = start({ spool: "indexeddb" }, createPageClient);
  emit(0, 3);
  await pass(4_500);
  emit(3, 1);
  await pass(1_000);
  expect(numbers()).toEqual([0, 1, 2, 3]);
  expect(client.stats()).toMatchObject({ sent: 4, pending: 0 });
});
