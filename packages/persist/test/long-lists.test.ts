// Long listings leave turns to other work of the process, and hold a few MiB however large the values are.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AdapterEntry, createStore, type PersistAdapter, type Store } from "@cuitty/persist";
import { afterAll, describe, expect, test } from "vitest";
import { memoryAdapter } from "../src/adapters/memory.ts";
import { sqliteAdapter } from "../src/adapters/sqlite.ts";

const folder = await mkdtemp(join(tmpdir(), "persist-long-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
let number = 0;

const secret = { encrypt: true, key: new Uint8Array(32).fill(4), keyStorage: "none" } as const;
const MiB = 1024 * 1024;

/** How often others got a turn of the event loop while it ran, and how long it worked: a busy machine may stop a process at any time. */
async function turnsDuring(body: () => Promise<unknown>): Promise<{ turns: number; workedMs: number }> {
  let turns = 0;
  let next = setImmediate(tick);
  function tick(): void {
    turns++;
    next = setImmediate(tick);
  }
  const before = process.cpuUsage();
  await body();
  const { user, system } = process.cpuUsage(before);
  clearImmediate(next);
  return { turns, workedMs: (user + system) / 1_000 };
}

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _item of items);
}

describe.each([
  ["plain", {}],
  ["encrypted", secret],
])("%s", (_name, options) => {
  test("listing, exporting, importing and sweeping many rows leave turns to others", async () => {
    const store = await createStore({ name: "long", path: join(folder, `${++number}.db`), durability: "normal", ...options });
    let text = '{"cuitty":"persist-export","version":1}\n';
    const rows = 8_000;
    for (let i = 0; i < rows; i++) {
      text += `{"type":"record","key":"r${i}","value":{"name":"user ${i}"}}\n{"type":"kv","key":"k${i}","value":${i}}\n`;
      text += `{"type":"event","log":"log","id":"${i.toString(16).padStart(24, "0")}","data":${i}}\n`;
    }
    text += `{"type":"end","lines":${rows * 3 + 1}}\n`;
    const bodies: Record<string, () => Promise<unknown>> = {
      import: () => store.import(text),
      list: async () => store.records.list(),
      "list again": async () => store.records.list(),
      iterate: () => drain(store.records.list()),
      events: async () => store.events.list("log"),
      export: () => drain(store.export()),
      sweep: () => store.kv.sweep(),
    };
    for (const [name, body] of Object.entries(bodies)) {
      const { turns, workedMs } = await turnsDuring(body);
      // They are given about every 10 ms.
      expect(turns, name).toBeGreaterThan(workedMs / 40 - 1);
    }
    await store.close();
  }, 60_000);
});

function bytesIn(entries: readonly AdapterEntry[]): number {
  return entries.reduce((sum, { value }) => sum + (value as { length: number }).length, 0);
}

/** Remembers the bytes of its largest page and of its largest batch. */
function watched(inner: PersistAdapter) {
  const largest = { page: 0, batch: 0 };
  const adapter: PersistAdapter = {
    ...inner,
    async range(query) {
      const page = await inner.range!(query);
      largest.page = Math.max(largest.page, bytesIn(page));
      return page;
    },
    async batch(ops) {
      largest.batch = Math.max(largest.batch, bytesIn(ops.filter((op) => op.type === "put")));
      return inner.batch!(ops);
    },
  };
  return { adapter, largest };
}

async function fill(store: Store, { small, large }: { small: number; large: number }): Promise<void> {
  const value = "x".repeat(MiB - 2);
  await store.batch((batch) => {
    for (let i = 0; i < small; i++) batch.records.put(`a/${String(i).padStart(4, "0")}`, i);
  });
  for (let i = 0; i < large; i++) await store.records.put(`b/${String(i).padStart(4, "0")}`, value);
}

describe.each([
  ["plain", {}],
  ["encrypted", secret],
])("large values, %s", (_name, options) => {
  test("are read a few MiB at a time, on an adapter that only counts rows", async () => {
    const { adapter, largest } = watched(memoryAdapter());
    const store = await createStore({ name: "large", adapter, ...options });
    await fill(store, { small: 0, large: 60 });
    for await (const { key } of store.records.list("b/")) {
      expect(key).toBe("b/0000");
      break;
    }
    expect(await store.records.list("b/")).toHaveLength(60);
    expect(largest.page).toBeLessThan(9 * MiB);
    await store.close();
  });

  test("are read a few MiB at a time from a file, behind however many small ones", async () => {
    const path = join(folder, `${++number}.db`);
    const first = await createStore({ name: "large", path, durability: "normal", ...options });
    await fill(first, { small: 900, large: 40 });
    await first.close();
    const { adapter, largest } = watched(await sqliteAdapter({ path, durability: "normal" }));
    const store = await createStore({ name: "large", adapter, ...options });
    for (const reverse of [false, true]) {
      const keys = (await store.records.list("", { reverse })).map(({ key }) => key);
      expect([keys.length, new Set(keys).size]).toEqual([940, 940]);
    }
    expect((await store.records.list("b/", { limit: 7 })).map(({ key }) => key.slice(-1)).join("")).toBe("0123456");
    expect(largest.page).toBeLessThan(9 * MiB);
    await store.close();
  });

  test("are imported in commits of a few MiB", async () => {
    const { adapter, largest } = watched(memoryAdapter());
    const store = await createStore({ name: "large", adapter, ...options });
    const value = "x".repeat(MiB - 2);
    async function* lines() {
      yield '{"cuitty":"persist-export","version":1}\n';
      for (let i = 0; i < 40; i++) yield `${JSON.stringify({ type: "record", key: `k${i}`, value })}\n`;
      yield '{"type":"end","lines":41}\n';
    }
    expect(await store.import(lines())).toMatchObject({ records: 40 });
    expect(largest.batch).toBeLessThan(6 * MiB);
    await store.close();
  });
});
