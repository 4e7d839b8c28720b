// kv with ends, events, watching, batches, schemas, export and import.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Batch, createStore, type PersistAdapter, type Store } from "@cuitty/persist";
import { Type } from "@sinclair/typebox";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { memoryAdapter } from "../src/adapters/memory.ts";

let store: Store;
let now: number;
beforeEach(async () => {
  now = 1_700_000_000_000;
  store = await createStore({ name: "facets", adapter: "memory", encrypt: true, clock: () => now });
});
afterEach(() => store.close());

describe("kv", () => {
  test("an entry ends at its time, for get, has, list and expiresAt; a new put starts over", async () => {
    await store.kv.set("session", { user: "alice" }, { ttlMs: 1_000 });
    expect(await store.kv.expiresAt("session")).toBe(now + 1_000);
    now += 999;
    expect(await store.kv.get("session")).toEqual({ user: "alice" });
    now += 1;
    expect([
      await store.kv.get("session"),
      await store.kv.has("session"),
      await store.kv.list(),
      await store.kv.expiresAt("session"),
    ]).toEqual([undefined, false, [], undefined]);
    await store.kv.put("session", 2);
    now += 1e9;
    expect(await store.kv.get("session")).toBe(2);
  });

  test("limit counts living entries, and sweep deletes only ended ones", async () => {
    for (let i = 0; i < 10; i++) await store.kv.put(`k${i}`, i, i % 2 === 0 ? { ttlMs: 5 } : {});
    now += 10;
    expect((await store.kv.list("", { limit: 3 })).map(({ key }) => key)).toEqual(["k1", "k3", "k5"]);
    expect(await store.kv.sweep()).toBe(5);
    expect(await store.kv.sweep()).toBe(0);
    expect(await store.kv.list()).toHaveLength(5);
  });
});

describe("events", () => {
  test("ids grow even when the clock goes back, also after opening again", async () => {
    const adapter = { ...memoryAdapter(), close: undefined };
    const open = () => createStore({ name: "e", adapter, clock: () => now });
    const first = await open();
    const a = await first.events.append("log", "a");
    await first.close();
    now -= 60_000;
    const second = await open();
    const b = await second.events.append("log", "b");
    expect(b.id > a.id).toBe(true);
    expect(b.atMs).toBe(a.atMs);
    expect((await second.events.list("log", { reverse: true })).map(({ data }) => data)).toEqual(["b", "a"]);
    await second.close();
  });

  test("a clock with fractions gives whole milliseconds everywhere, one without time is refused", async () => {
    now += 0.75;
    const { id, atMs } = await store.events.append("log", 1);
    expect(id).toMatch(/^[0-9a-f]{24}$/);
    expect(atMs).toBe(Math.floor(now));
    expect((await store.events.append("log", 2)).id > id).toBe(true);
    await store.kv.put("k", 1, { ttlMs: 5 });
    expect(await store.kv.expiresAt("k")).toBe(Math.floor(now) + 5);
    expect((await store.blobs.put("b", "x")).atMs).toBe(Math.floor(now));
    now = Number.NaN;
    await expect(store.events.append("log", 3)).rejects.toMatchObject({ code: "invalid_option" });
    now = 1_700_000_000_000;
  });

  test("subscribers hear of appends after they are durable, until they leave", async () => {
    const heard: unknown[] = [];
    const stop = store.events.subscribe("log", ({ data }) => heard.push(data));
    await store.events.append("log", 1);
    await store.events.append("other", 2);
    stop();
    await store.events.append("log", 3);
    expect(heard).toEqual([1]);
  });

  test("notices have names, and a listener that throws is told as an error without harm", async () => {
    expect(() => store.events.on("conflicts" as never, () => undefined)).toThrow(/"conflict"/);
    const errors: string[] = [];
    const stop = store.events.on("error", (error) => errors.push(error.code));
    store.records.watch("", () => {
      throw new Error("broken listener");
    });
    await store.records.put("a", 1);
    expect(errors).toEqual(["background_failed"]);
    stop();
    await store.records.put("a", 2);
    expect(errors).toHaveLength(1);
  });
});

describe("watch", () => {
  test("a key or a prefix, puts with their value, deletes without, batches one by one", async () => {
    const heard: unknown[] = [];
    const stops = [
      store.records.watch("a/b", (change) => heard.push(["key", change])),
      store.records.watch("a/", (change) => heard.push(["prefix", change])),
    ];
    await store.records.put("a/b", { n: 1 });
    await store.records.put("a/bc", 2);
    await store.kv.put("a/b", 3);
    await store.batch((batch) => {
      batch.records.delete("a/b");
      batch.records.put("z", 1);
    });
    for (const stop of stops) stop();
    await store.records.put("a/b", 4);
    const put = { type: "put", key: "a/b", value: { n: 1 } };
    expect(heard).toEqual([
      ["key", put],
      ["prefix", put],
      ["prefix", { type: "put", key: "a/bc", value: 2 }],
      ["key", { type: "delete", key: "a/b" }],
      ["prefix", { type: "delete", key: "a/b" }],
    ]);
  });
});

describe("batch", () => {
  test("writes nothing when its body throws or one value is bad", async () => {
    await expect(
      store.batch((batch) => {
        batch.records.put("a", 1);
        throw new Error("changed my mind");
      }),
    ).rejects.toThrow("changed my mind");
    await expect(
      store.batch((batch) => {
        batch.records.put("a", 1);
        batch.records.put("b", Number.NaN);
      }),
    ).rejects.toMatchObject({ code: "value_not_json" });
    expect(await store.records.list()).toEqual([]);
  });

  test("an event is checked when it is appended, and what is stored is what it was then", async () => {
    await store.batch((batch) => {
      expect(() => batch.events.append("", 1)).toThrow(/at least one character/);
      expect(() => batch.events.append("log", new Date(0))).toThrow(/a Date/);
      const data = { n: 1 };
      batch.events.append("log", data);
      data.n = 2;
    });
    expect((await store.events.list("log")).map(({ data }) => data)).toEqual([{ n: 1 }]);
  });

  test("reads see the batch's own writes; concurrent increments lose none", async () => {
    await store.kv.put("n", 0);
    await Promise.all(
      Array.from({ length: 5 }, () =>
        store.batch(async (batch) => {
          const n = (await batch.kv.get<number>("n"))!;
          batch.kv.put("n", n + 1);
          expect(await batch.kv.get("n")).toBe(n + 1);
        }),
      ),
    );
    expect(await store.kv.get("n")).toBe(5);
  });

  test("refuses what is called after its body has ended, and after a body that is to run again", async () => {
    const kept: Batch[] = [];
    await store.batch(async (batch) => {
      kept.push(batch);
      await batch.records.get("a");
      if (kept.length === 1) await store.records.put("a", 1);
    });
    await store
      .batch((batch) => {
        kept.push(batch);
        throw new Error("changed my mind");
      })
      .catch(() => undefined);
    expect(kept).toHaveLength(3);
    const ended = expect.objectContaining({ code: "transaction_closed" });
    for (const { records, kv, events } of kept) {
      const calls = [
        () => records.put("late", 1),
        () => records.delete("late"),
        () => kv.put("late", 1),
        () => kv.set("late", 1),
        () => kv.delete("late"),
        () => events.append("late", 1),
      ];
      for (const call of calls) expect(call).toThrow(ended);
      await expect(records.get("late")).rejects.toThrow(ended);
      await expect(kv.get("late")).rejects.toThrow(ended);
    }
    expect(await store.records.list()).toEqual([{ key: "a", value: 1 }]);
  });

  test("gives up with conflict when others never stop, and refuses more than 1,000 changes", async () => {
    await expect(
      store.batch(async (batch) => {
        await batch.records.get("hot");
        await store.records.put("hot", Math.random());
        batch.records.put("x", 1);
      }),
    ).rejects.toMatchObject({ code: "conflict", retryable: true });
    await expect(store.batch((batch) => Array.from({ length: 1_001 }, (_, i) => batch.kv.put(`k${i}`, i)))).rejects.toMatchObject({
      code: "batch_too_large",
    });
  });
});

describe("writes that fail", () => {
  test("a batch that the adapter refuses fails alone, the others of the same turn are durable, and later writes work", async () => {
    const inner = memoryAdapter();
    let broken = true;
    const adapter: PersistAdapter = {
      ...inner,
      batch: async (ops) => {
        if (broken && ops.some((op) => op.key.endsWith("/bad"))) throw new Error("disk is full");
        await inner.batch!(ops);
      },
    };
    const one = await createStore({ name: "f", adapter });
    const results = await Promise.allSettled([one.records.put("a", 1), one.records.put("bad", 2), one.records.put("c", 3)]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect((results[1] as PromiseRejectedResult).reason).toMatchObject({ code: "write_failed", retryable: true });
    expect(await one.records.get("bad")).toBeUndefined();
    broken = false;
    await one.records.put("bad", 2);
    expect((await one.records.list()).map(({ key }) => key)).toEqual(["a", "bad", "c"]);
    await one.close();
  });
});

describe("schemas", () => {
  const v1 = Type.Object({ name: Type.String() });
  const v2 = Type.Object({ first: Type.String(), last: Type.String() });
  const adapter = { ...memoryAdapter(), close: undefined };

  test("records are checked when written, named with their place, and unknown fields are kept", async () => {
    const one = await createStore({ name: "s", adapter, collections: { users: { schema: v1 } } });
    await expect(one.records.put("users/a", { name: 7 })).rejects.toMatchObject({
      code: "invalid_record",
      details: { collection: "users", path: "/name" },
    });
    await one.records.put("users/a", { name: "Ada Lovelace", extra: [1] });
    await one.records.put("elsewhere/a", { name: 7 });
    expect(await one.records.get("users/a")).toEqual({ name: "Ada Lovelace", extra: [1] });
    await one.close();
  });

  test("old records are raised when read, through every version; a missing step is named", async () => {
    const upcasters = {
      1: (value: { name: string }) => ({ first: value.name.split(" ")[0], last: value.name.split(" ")[1] }),
      2: (value: object) => ({ ...value, full: true }),
    };
    const raised = await createStore({ name: "s", adapter, collections: { users: { schema: v2, version: 3, upcasters } } });
    expect(await raised.records.get("users/a")).toEqual({ first: "Ada", last: "Lovelace", full: true });
    expect((await raised.records.list("users/"))[0]!.value).toEqual({ first: "Ada", last: "Lovelace", full: true });
    await raised.records.put("users/b", { first: "Alan", last: "Turing" });
    await raised.close();
    const missing = await createStore({ name: "s", adapter, collections: { users: { schema: v2, version: 3 } } });
    await expect(missing.records.get("users/a")).rejects.toMatchObject({ code: "upcaster_missing" });
    await missing.close();
    const older = await createStore({ name: "s", adapter, collections: { users: { schema: v1 } } });
    expect(await older.records.get("users/b")).toEqual({ first: "Alan", last: "Turing" });
    await older.close();
  });
});

describe("export and import", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "persist-transfer-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function fill(one: Store): Promise<void> {
    await one.records.put("users/alice", { name: "Alice" });
    await one.records.put("nothing", null);
    await one.kv.put("soon", 1, { ttlMs: 60_000 });
    await one.kv.put("ended", 1, { ttlMs: 1 });
    await one.events.append("log", { n: 1 });
    await one.events.append("log", { n: 2 });
    await one.blobs.put("logo", new Uint8Array(150_000).fill(9), { contentType: "image/png", metadata: { w: 1 } });
    await one.blobs.put("empty", "");
  }

  async function linesOf(one: Store): Promise<string[]> {
    const lines: string[] = [];
    for await (const line of one.export()) lines.push(line);
    return lines;
  }

  test("a whole store moves, from one adapter and key to another", async () => {
    await fill(store);
    now += 10;
    const target = await createStore({ name: "t", path: join(folder, "t.db"), clock: () => now });
    expect(await target.import(store.export())).toEqual({ records: 2, kv: 1, events: 2, blobs: 2, kept: 0 });
    expect(await linesOf(target)).toEqual(await linesOf(store));
    expect((await target.blobs.get("logo"))?.every((byte) => byte === 9)).toBe(true);
    expect(await target.blobs.info("logo")).toMatchObject({ size: 150_000, contentType: "image/png", metadata: { w: 1 } });
    expect(await target.kv.expiresAt("soon")).toBe(await store.kv.expiresAt("soon"));
    await target.close();
  });

  test("existing keys are replaced or kept, and importing twice changes nothing", async () => {
    await fill(store);
    const text = (await linesOf(store)).join("");
    const target = await createStore({ name: "t", adapter: "memory", clock: () => now });
    await target.records.put("users/alice", { name: "Other" });
    expect((await target.import(text, { existing: "keep" })).kept).toBe(1);
    expect(await target.records.get("users/alice")).toEqual({ name: "Other" });
    await target.import(new TextEncoder().encode(text).length > 0 ? [new TextEncoder().encode(text)] : []);
    expect(await target.records.get("users/alice")).toEqual({ name: "Alice" });
    expect(await target.events.list("log")).toHaveLength(2);
    await target.close();
  });

  test("cut, damaged, foreign and newer exports are refused with the line", async () => {
    await fill(store);
    const lines = await linesOf(store);
    const target = await createStore({ name: "t", adapter: "memory" });
    const code = (text: string) =>
      target.import(text).then(
        () => "none",
        (error: { code: string }) => error.code,
      );
    expect(await code(lines.slice(0, -1).join(""))).toBe("import_invalid");
    expect(await code(lines.slice(0, -3).join(""))).toBe("import_invalid");
    expect(await code([lines[0], ...lines.slice(2)].join(""))).toBe("import_invalid");
    expect(await code('{"hello":1}\n')).toBe("import_invalid");
    expect(await code("not json\n")).toBe("import_invalid");
    expect(await code('{"cuitty":"persist-export","version":2}\n')).toBe("newer_format");
    expect(await code("")).toBe("import_invalid");
    await target.close();
  });

  const head = '{"cuitty":"persist-export","version":1}';
  const chunks = (...lines: unknown[]) =>
    [head, ...lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)))].join("\n");

  test("an entry that has ended does not keep the exported one out", async () => {
    await store.kv.put("a", "old", { ttlMs: 5 });
    await store.kv.put("b", "old", { ttlMs: 500 });
    now += 10;
    const text = chunks({ type: "kv", key: "a", value: "new" }, { type: "kv", key: "b", value: "new" }, { type: "end", lines: 3 });
    expect(await store.import(text, { existing: "keep" })).toEqual({ records: 0, kv: 1, events: 0, blobs: 0, kept: 1 });
    expect([await store.kv.get("a"), await store.kv.get("b")]).toEqual(["new", "old"]);
  });

  test.each([
    ["invalid_key", { type: "record", key: "../a", value: 1 }],
    ["invalid_key", { type: "event", log: "", id: "0".repeat(24), data: 1 }],
    ["invalid_key", { type: "blob", key: 7, size: 0 }],
    ["value_not_json", { type: "record", key: "a" }],
    ["value_too_large", { type: "kv", key: "a", value: "x".repeat(1_100_000) }],
    ["import_invalid", { type: "record", key: "a", value: 1, version: "2" }],
    ["import_invalid", { type: "record", key: "a", value: 1, version: 0 }],
    ["import_invalid", { type: "kv", key: "a", value: 1, expiresAtMs: "soon" }],
    ["import_invalid", { type: "kv", key: "a", value: 1, expiresAtMs: null }],
    ["import_invalid", { type: "blob", key: "a", size: 0, contentType: 7 }],
    ["import_invalid", { type: "blob", key: "a", size: "1" }],
    ["import_invalid", { type: "other", key: "a" }],
    ["import_invalid", "not json"],
    ["invalid_record", { type: "record", key: "users/b", value: { name: 7 }, version: 2 }],
    ["invalid_record", { type: "record", key: "users/b", value: { title: 7 } }],
  ])("%s names its line: %j", async (code, line) => {
    const upcasters = { 1: (value: { title: unknown }) => ({ name: value.title }) };
    const collections = { users: { schema: Type.Object({ name: Type.String() }), version: 2, upcasters } };
    const target = await createStore({ name: "t", adapter: "memory", collections });
    const good = [
      { type: "record", key: "users/a", value: { title: "Ada" }, version: 1 },
      { type: "record", key: "users/new", value: { first: 1 }, version: 3 },
    ];
    const error = await target.import(chunks(...good, line)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, details: { line: 4 } });
    expect((error as Error).message).toContain("line 4");
    await target.close();
  });

  test("an export that is cut, or that is no text, names the line too", async () => {
    const code = (source: unknown) => store.import(source as string).catch((error: unknown) => error);
    expect(await code(head)).toMatchObject({ code: "import_invalid", details: { line: 2 } });
    expect(await code(chunks({ type: "blob", key: "a", size: 9 }))).toMatchObject({ code: "import_invalid", details: { line: 3 } });
    expect(await code([Buffer.from(`${head}\n`), Uint8Array.of(0xff)])).toMatchObject({ code: "import_invalid", details: { line: 2 } });
    expect(await code([Buffer.from(`${head}\n"`), Uint8Array.of(0xc3)])).toMatchObject({ code: "import_invalid", details: { line: 2 } });
    for (const source of [null, undefined, 7, {}, [7]]) expect(await code(source)).toMatchObject({ code: "invalid_option" });
  });
});
