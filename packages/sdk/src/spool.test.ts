// The spool folder: claims, limits, other processes, a server that is away for long, and spools that fail.
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CuittyClient, type CuittyOptions, createCuittyClient, type SpoolAdapter, type SpooledBatch } from "@cuitty/sdk";
import { createFaultServer, type FaultServer } from "@cuitty/sdk/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import "fake-indexeddb/auto";
import { indexedDbSpool } from "./spool-indexeddb.ts";
import { type PersistLike, persistSpool } from "./spool-persist.ts";

let directory: string;
let server: FaultServer;
let isAway: boolean;
const clients: CuittyClient[] = [];

beforeEach(async () => {
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  directory = mkdtempSync(join(tmpdir(), "cuitty-spool-"));
  isAway = true;
  server = await createFaultServer({ fault: () => (isAway ? { status: 503 } : undefined) });
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.shutdown(0);
  await server.close();
  rmSync(directory, { recursive: true, force: true });
  vi.restoreAllMocks();
});

function start(options: Partial<CuittyOptions> = {}): CuittyClient {
  const client = createCuittyClient({
    portalUrl: server.url,
    projectId: "p",
    apiKey: "cuitty_sk_test",
    maxRetries: 0,
    spool: directory,
    ...options,
  });
  clients.push(client);
  return client.start();
}

const emit = (client: CuittyClient, count: number, from = 0): void => {
  for (let n = from; n < from + count; n++) client.emit({ type: "audit", data: { n } });
};
const numbers = (): unknown[] => server.stored.map((event) => event.data.n).sort((a, b) => Number(a) - Number(b));
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

describe("a spool folder", () => {
  test("keeps what a failing server did not take, for its owner's eyes only, until it does", async () => {
    const client = start({ spool: join(directory, "deep", "er") });
    emit(client, 20);
    expect(await client.flush()).toEqual({ sent: 0, pending: 20, dropped: 0 });
    expect(client.stats().bytes).toBe(0);
    const [file] = readdirSync(join(directory, "deep", "er"));
    expect(statSync(join(directory, "deep", "er", file as string)).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, "deep", "er")).mode & 0o777).toBe(0o700);
    isAway = false;
    emit(client, 5, 20);
    expect(await client.flush()).toEqual({ sent: 25, pending: 0, dropped: 0 });
    expect(numbers()).toEqual(upTo(25));
    expect(server.violations).toEqual([]);
    expect(readdirSync(join(directory, "deep", "er"))).toEqual([]);
  });

  test("takes what shutdown could not send, and the next client sends it as restored", async () => {
    const first = start();
    emit(first, 10);
    expect(await first.shutdown(100)).toMatchObject({ pending: 10, dropped: 0 });
    isAway = false;
    const second = start();
    expect(await second.flush()).toEqual({ sent: 10, pending: 0, dropped: 0 });
    expect(second.stats()).toMatchObject({ emitted: 0, restored: 10, sent: 10 });
    expect(numbers()).toEqual(upTo(10));
  });

  test("is not robbed of batches by another living client", async () => {
    const first = start();
    emit(first, 10);
    await first.flush();
    isAway = false;
    const second = start();
    expect(await second.flush()).toEqual({ sent: 0, pending: 0, dropped: 0 });
    expect(await first.flush()).toMatchObject({ sent: 10 });
  });

  test("gives up the oldest batches when it is full, and counts them", async () => {
    const client = start({ spool: { directory, maxBytes: 12_000 } });
    for (let batch = 0; batch < 6; batch++) {
      client.emit({ type: "log", data: { batch, text: "x".repeat(3_000) } });
      await client.flush();
    }
    expect(client.stats()).toMatchObject({ emitted: 6, pending: 3, drops: { spool_full: { log: 3 } } });
    isAway = false;
    await client.flush();
    expect(server.stored.map((event) => event.data.batch).sort()).toEqual([3, 4, 5]);
  });

  test("that is smaller than a batch takes none, and memory keeps it until it is sent", async () => {
    const client = start({ spool: { directory, maxBytes: 1_000 } });
    for (let batch = 0; batch < 3; batch++) {
      for (let n = 0; n < 3; n++) client.emit({ type: "audit", data: { batch, text: "x".repeat(500) } });
      await client.flush();
    }
    expect(client.stats()).toMatchObject({ emitted: 9, restored: 0, dropped: 0, pending: 9 });
    expect(client.stats().bytes).toBeGreaterThan(4_500);
    expect(readdirSync(directory)).toEqual([]);
    isAway = false;
    await client.flush();
    expect(client.stats()).toMatchObject({ sent: 9, dropped: 0, pending: 0, bytes: 0 });
    expect(server.stored).toHaveLength(9);
  });

  test("drops and counts what is older than its limit", async () => {
    const first = start();
    emit(first, 4);
    await first.shutdown(100);
    isAway = false;
    const second = start({ spool: { directory, maxAgeMs: 0 } });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await second.flush();
    expect(second.stats()).toMatchObject({ restored: 4, sent: 0, drops: { expired: { audit: 4 } } });
    expect(readdirSync(directory)).toEqual([]);
  });

  test("leaves alone what it did not write, and half-written batches", async () => {
    writeFileSync(join(directory, "README"), "mine");
    writeFileSync(join(directory, "1_x_2_y.part"), "half");
    isAway = false;
    const client = start();
    emit(client, 1);
    expect(await client.flush()).toEqual({ sent: 1, pending: 0, dropped: 0 });
    expect(readdirSync(directory).sort()).toEqual(["1_x_2_y.part", "README"]);
  });

  test("takes the overflow of memory, so that nothing is lost", async () => {
    const client = start({ maxBufferSize: 1e9 });
    await client.flush();
    emit(client, 25_000);
    expect(client.stats()).toMatchObject({ pending: 25_000, dropped: 0 });
    isAway = false;
    expect(await client.flush(60_000)).toEqual({ sent: 25_000, pending: 0, dropped: 0 });
    expect(numbers()).toEqual(upTo(25_000));
  });

  test.each(["before", "after"])(
    "is written at an uncaught exception that the host survives, %s the engine is there, and sent once",
    async (when) => {
      isAway = false;
      const client = start();
      if (when === "after") await client.flush();
      emit(client, 5);
      (process as NodeJS.EventEmitter).emit("uncaughtExceptionMonitor", new Error("mine"));
      expect(readdirSync(directory)).toHaveLength(1);
      await client.flush();
      expect(readdirSync(directory)).toEqual([]);
      expect(client.stats()).toMatchObject({ emitted: 5, restored: 0, sent: 5, requests: 1 });
    },
  );

  test("is not waited for by the client whose batch another process took", async () => {
    const client = start();
    emit(client, 7);
    await client.flush();
    expect(client.stats().pending).toBe(7);
    for (const file of readdirSync(directory)) rmSync(join(directory, file));
    isAway = false;
    emit(client, 1, 7);
    expect(await client.flush()).toEqual({ sent: 1, pending: 0, dropped: 0 });
    expect(client.stats()).toMatchObject({ emitted: 8, restored: -7, sent: 1, pending: 0 });
  });

  test("stays where it is when the host changes its working directory", async () => {
    const before = process.cwd();
    process.chdir(directory);
    try {
      const client = start({ spool: "./below" });
      process.chdir(tmpdir());
      emit(client, 1);
      await client.flush();
    } finally {
      process.chdir(before);
    }
    expect(readdirSync(join(directory, "below"))).toHaveLength(1);
  });

  test("is rid of half-written batches that are older than a day", async () => {
    const names = ["young", "old"].map((owner) => `1_00000000-0000-4000-8000-000000000000_1_${owner}.part`);
    for (const name of names) writeFileSync(join(directory, name), "half");
    utimesSync(join(directory, names[1] as string), 1, 1);
    isAway = false;
    await start().flush();
    expect(readdirSync(directory)).toEqual([names[0]]);
  });

  test("in wal mode has every batch before it is sent, and none after", async () => {
    isAway = false;
    const client = start({ durability: "wal" });
    emit(client, 3);
    const seen: number[] = [];
    client.on("sent", () => seen.push(readdirSync(directory).length));
    await client.flush();
    expect(numbers()).toEqual(upTo(3));
    expect(readdirSync(directory)).toEqual([]);
    await server.close();
    emit(client, 3);
    await vi.waitFor(() => expect(readdirSync(directory)).toHaveLength(1), 2_000);
  });
});

test("a folder that cannot be made costs one warning and no event", async () => {
  writeFileSync(join(directory, "file"), "");
  isAway = false;
  const client = start({ spool: join(directory, "file", "below") });
  emit(client, 3);
  expect(await client.flush()).toEqual({ sent: 3, pending: 0, dropped: 0 });
});

test("the spool of a page is refused in Node with a text, and makes no folder of that name", async () => {
  isAway = false;
  const client = start({ spool: "indexeddb" });
  emit(client, 3);
  expect(await client.flush()).toEqual({ sent: 3, pending: 0, dropped: 0 });
  expect(process.stderr.write).toHaveBeenCalledExactlyOnceWith('[cuitty] the spool cannot be opened: Error: "indexeddb" is for pages\n');
  expect(existsSync("indexeddb")).toBe(false);
});

/** A spool of the user's own, in memory, that may be slow or broken. */
function memorySpool(delayMs = 0, isBroken = false): SpoolAdapter & { readonly batches: Map<string, SpooledBatch> } {
  const batches = new Map<string, SpooledBatch>();
  const pause = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    if (isBroken) throw new Error("broken on purpose");
  };
  return {
    batches,
    async put(batch) {
      await pause();
      batches.set(batch.key, batch);
    },
    async remove(key) {
      await pause();
      batches.delete(key);
    },
    async claim(isHeld) {
      await pause();
      return [...batches.values()].find((batch) => !isHeld(batch.key));
    },
  };
}

test("an asynchronous spool keeps batches and gives them back", async () => {
  const spool = memorySpool(3);
  const client = start({ spool });
  emit(client, 10);
  expect(await client.flush()).toEqual({ sent: 0, pending: 10, dropped: 0 });
  await vi.waitFor(() => expect(client.stats().bytes).toBe(0));
  isAway = false;
  expect(await client.flush()).toEqual({ sent: 10, pending: 0, dropped: 0 });
  await vi.waitFor(() => expect(spool.batches.size).toBe(0));
  expect(numbers()).toEqual(upTo(10));
});

test("a spool that always fails loses nothing that memory can hold", async () => {
  const client = start({ spool: memorySpool(0, true), durability: "wal" });
  emit(client, 10);
  expect(await client.flush()).toEqual({ sent: 0, pending: 10, dropped: 0 });
  isAway = false;
  expect(await client.flush()).toEqual({ sent: 10, pending: 0, dropped: 0 });
  expect(numbers()).toEqual(upTo(10));
});

test.each(["exit", "wal"] as const)("shutdown waits until an asynchronous spool has the rest, with durability %s", async (durability) => {
  const spool = memorySpool(100);
  const client = start({ spool, durability });
  emit(client, 10);
  if (durability === "wal") await client.flush(20);
  expect(await client.shutdown()).toMatchObject({ pending: 10, dropped: 0 });
  expect([...spool.batches.values()].flatMap((batch) => batch.events)).toHaveLength(10);
});

test("a batch that is sent while an asynchronous spool writes it is gone from there after shutdown", async () => {
  const spool = memorySpool(50);
  const client = start({ spool });
  emit(client, 10);
  await client.flush();
  isAway = false;
  await client.flush();
  await client.shutdown();
  expect(spool.batches.size).toBe(0);
  expect(numbers()).toEqual(upTo(10));
});

const never = new Promise<never>(() => {});
const fail = (): never => {
  throw new Error("broken on purpose");
};

test.each<[string, Partial<SpoolAdapter>]>([
  ["put never settles", { put: () => never }],
  ["claim never settles", { claim: () => never }],
  ["remove never settles", { remove: () => never }],
  ["close throws", { close: fail }],
  ["close rejects", { close: (async () => fail()) as () => void }],
  ["put rejects", { put: async () => fail() }],
])("shutdown ends in its time with a spool whose %s", async (_name, broken) => {
  const client = start({ spool: { put() {}, remove() {}, claim: () => undefined, ...broken }, durability: "wal" });
  emit(client, 1);
  const { pending, dropped } = await client.shutdown(100);
  const { emitted, restored, sent } = client.stats();
  expect(sent + pending + dropped).toBe(emitted + restored);
});

test("what a spool cannot remove is sent once, and removed when it can be", async () => {
  const spool = memorySpool();
  const { remove } = spool;
  let isReadOnly = true;
  const client = start({ spool: { ...spool, remove: async (key) => (isReadOnly ? fail() : remove(key)) } });
  emit(client, 10);
  await client.flush();
  await vi.waitFor(() => expect(client.stats().bytes).toBe(0));
  isAway = false;
  const { length } = server.requests;
  for (let n = 0; n < 3; n++) await client.flush();
  expect(client.stats()).toMatchObject({ emitted: 10, restored: 0, sent: 10, pending: 0 });
  expect(server.requests).toHaveLength(length + 1);
  isReadOnly = false;
  await client.flush();
  await vi.waitFor(() => expect(spool.batches.size).toBe(0));
});

test("a host that survives its uncaught exception gets no second one from a spool that rejects", async () => {
  const client = start({ spool: memorySpool(0, true) });
  emit(client, 1);
  // Before the engine is loaded, and after.
  (process as NodeJS.EventEmitter).emit("uncaughtExceptionMonitor", new Error("mine"));
  await client.flush();
  emit(client, 1, 1);
  (process as NodeJS.EventEmitter).emit("uncaughtExceptionMonitor", new Error("mine"));
  isAway = false;
  expect(await client.flush()).toMatchObject({ sent: 2, pending: 0 });
});

/** The part of a persist store that a spool uses, over a Map. */
function mapStore(): PersistLike & { readonly values: Map<string, unknown> } {
  const values = new Map<string, unknown>();
  return {
    values,
    kv: {
      put: async (key, value) => void values.set(key, structuredClone(value)),
      get: async <Value>(key: string) => values.get(key) as Value | undefined,
      delete: async (key) => void values.delete(key),
      async *list<Value>(prefix: string) {
        for (const [key, value] of values) if (key.startsWith(prefix)) yield { key, value: value as Value };
      },
    },
  };
}

test("a store that fails to list at once and to write later costs no unhandled rejection", async () => {
  const unhandled = vi.fn();
  process.on("unhandledRejection", unhandled);
  const broken = (): Error => new Error("closed");
  const store: PersistLike = {
    kv: {
      put: () => new Promise((_, reject) => setImmediate(reject, broken())),
      get: () => Promise.reject(broken()),
      delete: () => Promise.reject(broken()),
      // biome-ignore lint/correctness/useYield: reason: a listing that fails before its first row.
      async *list() {
        throw broken();
      },
    },
  };
  const client = start({ spool: persistSpool(store) });
  emit(client, 3);
  expect(await client.shutdown()).toEqual({ sent: 0, pending: 0, dropped: 3 });
  // Two turns: Node tells of a rejection after the one it happened in.
  for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
  process.off("unhandledRejection", unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});

describe("a spool in a persist store", () => {
  /** Batches of several parts each. */
  const fill = (client: CuittyClient): void => {
    for (let n = 0; n < 20; n++) client.emit({ type: "audit", data: { n, text: "x".repeat(30_000) } });
  };

  test("has nothing left when all was sent and shutdown has ended, however slow it is", async () => {
    const store = mapStore();
    const remove = store.kv.delete;
    store.kv.delete = async (key) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return remove(key);
    };
    isAway = false;
    const client = start({ spool: persistSpool(store), durability: "wal" });
    fill(client);
    expect(await client.shutdown()).toMatchObject({ sent: 20, pending: 0 });
    expect([...store.values.keys()]).toEqual([]);
  });

  test("gets rid of what a process left that ended in the middle of a write or a removal, and of nothing else", async () => {
    const store = mapStore();
    const first = start({ spool: persistSpool(store) });
    fill(first);
    await first.shutdown();
    const keys = [...store.values.keys()];
    const [head, parts] = [keys.filter((key) => key.includes("/heads/")), keys.filter((key) => key.includes("/parts/"))];
    expect(parts.length).toBeGreaterThan(2);
    // A write under way has no head yet.
    const value = store.values.get(head[0] as string);
    store.values.delete(head[0] as string);
    expect(await persistSpool(store).claim(() => false)).toBeUndefined();
    expect([...store.values.keys()].sort()).toEqual([...parts].sort());
    // A removal that was cut short.
    store.values.set(head[0] as string, value);
    store.values.delete(parts.at(-1) as string);
    expect(await persistSpool(store).claim(() => false)).toBeUndefined();
    expect([...store.values.keys()]).toEqual([]);
    // A write that was cut short two hours ago.
    const time = (Date.now() - 7_200_000).toString(16).padStart(12, "0");
    const text = `{"id":"${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000","type":"log"}`;
    store.values.set("cuitty-spool/parts/old/0", text).set("cuitty-spool/parts/old/1", "...").set("other/parts/old/0", "mine");
    expect(await persistSpool(store).claim(() => false)).toBeUndefined();
    expect([...store.values.keys()]).toEqual(["other/parts/old/0"]);
  });
});

describe.each(["indexeddb", "persist"])("a spool in %s", (kind) => {
  const store = mapStore();
  const open = (limits = {}): SpoolAdapter | Promise<SpoolAdapter> =>
    kind === "persist" ? persistSpool(store, limits) : indexedDbSpool({ name: directory, ...limits });

  test("keeps batches of any size over the end of a client, and gives them to the next", async () => {
    const first = start({ spool: await open() });
    for (let n = 0; n < 30; n++) first.emit({ type: "audit", data: { n, text: `"${"ä".repeat(20_000)}` } });
    expect(await first.shutdown(2_000)).toMatchObject({ pending: 30, dropped: 0 });
    isAway = false;
    const second = start({ spool: await open() });
    expect(await second.flush()).toEqual({ sent: 30, pending: 0, dropped: 0 });
    expect(numbers()).toEqual(upTo(30));
    expect(server.violations).toEqual([]);
    await second.shutdown();
    const third = start({ spool: await open() });
    expect(await third.flush()).toEqual({ sent: 0, pending: 0, dropped: 0 });
  });

  test("keeps to its limits and tells what it gives up", async () => {
    const spool = await open({ maxSize: 10_000 });
    const losses: string[] = [];
    spool.onLoss?.(({ key }, reason) => losses.push(`${key} ${reason}`));
    for (let batch = 0; batch < 5; batch++) {
      await spool.put({
        key: `key-${batch}`,
        sealedAtMs: Date.now() - 5 + batch,
        events: [JSON.stringify({ type: "log", text: "x".repeat(3_000) })],
      });
    }
    expect(losses).toEqual(["key-0 spool_full", "key-1 spool_full"]);
    expect((await spool.claim(() => false))?.key).toBe("key-2");
    expect((await spool.claim((key) => key === "key-2"))?.key).toBe("key-3");
    await spool.remove("key-2");

    const next = await open({ maxAgeMs: -1 });
    next.onLoss?.(({ key }, reason) => losses.push(`${key} ${reason}`));
    expect(await next.claim(() => false)).toBeUndefined();
    expect(losses.slice(2)).toEqual(["key-3 expired", "key-4 expired"]);
  });
});
