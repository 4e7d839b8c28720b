// What callers get wrong, and what they hear.
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { createStore, type PersistAdapter, type Store, type StoreOptions } from "@cuitty/persist";
import { openFile } from "@cuitty/storage/file";
import { isCuittyError } from "@cuitty/wire-protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { memoryAdapter } from "../src/adapters/memory.ts";

let store: Store;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "persist-bad-input-"));
  store = await createStore({ name: "bad", adapter: "memory" });
});
afterAll(async () => {
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => {
      if (!isCuittyError(error)) throw error;
      return error;
    },
  );

describe("keys", () => {
  const bad: [string, unknown][] = [
    ["empty", ""],
    ["NUL", "a\0b"],
    ["..", "a/../b"],
    ["a lone ..", ".."],
    [".", "./a"],
    ["a lone high surrogate", "a\ud800"],
    ["a lone low surrogate", "\udc00a"],
    ["over 1,024 bytes", `${"a/".repeat(20)}${"ab/".repeat(330)}`],
    ["over 1,024 bytes of UTF-8", "é/".repeat(400)],
    ["a segment over 255 bytes", "x".repeat(256)],
    ["a segment over 255 bytes of UTF-8", "日".repeat(86)],
    ["over 64 segments", "a/".repeat(70)],
    ["a number", 7],
    ["null", null],
    ["undefined", undefined],
    ["an object", {}],
  ];
  test.each(bad)("%s is an invalid key everywhere, and the message does not repeat it", async (_name, key) => {
    const bytes = new Uint8Array(1);
    const calls = [
      store.records.put(key as string, 1),
      store.records.get(key as string),
      store.records.delete(key as string),
      store.kv.put(key as string, 1),
      store.kv.get(key as string),
      store.blobs.put(key as string, bytes),
      store.blobs.get(key as string),
      store.events.append(key as string, 1),
      store.batch((batch) => batch.records.put(key as string, 1)),
    ];
    for (const call of calls) {
      const error = await failure(call);
      expect(error?.code).toBe("invalid_key");
      if (typeof key === "string" && key.length > 3) expect(error?.message).not.toContain(key);
    }
  });

  test.each([
    "a",
    "a/b",
    "/a",
    "a//b",
    "a/",
    "https://example.com/x?y=1",
    "日本/😀",
    "a b",
    "...",
    "a..b",
    "x".repeat(255),
    "con",
    "A%_*?",
  ])("%s is a good key", async (key) => {
    await store.records.put(key, { key });
    expect(await store.records.get(key)).toEqual({ key });
    expect((await store.records.list(key)).map((entry) => entry.key)).toContain(key);
    await store.records.delete(key);
  });

  test("prefixes and cursors are checked as keys are", async () => {
    expect((await failure(Promise.resolve(store.records.list("a/../"))))?.code).toBe("invalid_key");
    expect((await failure(Promise.resolve(store.records.list("a", { after: "" }))))?.code).toBe("invalid_key");
    expect((await failure(Promise.resolve(store.records.list("a", { limit: -1 }))))?.code).toBe("invalid_option");
    expect((await failure(Promise.resolve(store.records.list("a", { limit: 1.5 }))))?.code).toBe("invalid_option");
    await store.records.put("a/.hidden", 1);
    await store.records.put("a/..x", 1);
    expect((await store.records.list("a/.")).map(({ key }) => key)).toEqual(["a/..x", "a/.hidden"]);
    expect((await store.records.list("a/..")).map(({ key }) => key)).toEqual(["a/..x"]);
    expect((await failure(Promise.resolve(store.records.list("./a"))))?.code).toBe("invalid_key");
    for (const key of ["a/.hidden", "a/..x"]) await store.records.delete(key);
    expect(() => store.records.watch("a\0", () => undefined)).toThrow(/NUL/);
  });
});

describe("values", () => {
  const cycle: Record<string, unknown> = { deep: {} };
  (cycle.deep as Record<string, unknown>).self = cycle;
  class User {
    readonly name = "x";
  }
  const bad: [string, unknown, string][] = [
    ["undefined", undefined, "$"],
    ["a function", { run: () => 1 }, "$.run"],
    ["a symbol", { a: [Symbol("x")] }, "$.a[0]"],
    ["a bigint", { n: 1n }, "$.n"],
    ["NaN", { n: Number.NaN }, "$.n"],
    ["Infinity", [1, Number.POSITIVE_INFINITY], "$[1]"],
    ["undefined in an array", { list: [1, undefined] }, "$.list[1]"],
    ["a hole in an array", { list: new Array(2) }, "$.list[0]"],
    ["a Date", { at: new Date(0) }, "$.at"],
    ["a Map", { map: new Map() }, "$.map"],
    ["bytes", { bytes: new Uint8Array(2) }, "$.bytes"],
    ["a class instance", { "odd name": new User() }, '$["odd name"]'],
    ["an object with toJSON", { a: { toJSON: () => 1 } }, "$.a"],
    ["a cycle", cycle, "$.deep.self"],
    ["an array with toJSON", { a: Object.assign([1], { toJSON: () => 1 }) }, "$.a"],
    ["an array of a subclass", [new (class List extends Array<number> {})(2)], "$[0]"],
    ["an array with a property", { found: "ab".match(/b/) }, "$.found.index"],
    ["an array with a symbol", { a: Object.assign([1], { [Symbol("x")]: 1 }) }, "$.a"],
    ["an object with a symbol for a key", { a: { [Symbol("x")]: 1 } }, "$.a"],
    [
      "a getter",
      {
        a: {
          get now() {
            return 1;
          },
        },
      },
      "$.a.now",
    ],
    [
      "a getter that gives undefined",
      {
        get now() {
          return undefined;
        },
      },
      "$.now",
    ],
    ["a getter in an array", { a: Object.defineProperty([1], 0, { get: () => 1, enumerable: true }) }, "$.a[0]"],
    ["an object that inherits from another", Object.create(Object.assign(Object.create(null), { inherited: 1 })), "$"],
  ];
  test.each(bad)("%s is refused with its place", async (_name, value, path) => {
    for (const call of [store.records.put("k", value), store.kv.put("k", value), store.events.append("k", value)]) {
      const error = await failure(call);
      expect(error?.code).toBe("value_not_json");
      expect(error?.details).toEqual({ path });
    }
  });

  test("deeply nested values are refused, not a crash", async () => {
    let value: unknown = 1;
    for (let i = 0; i < 100_000; i++) value = [value];
    expect((await failure(store.records.put("k", value)))?.code).toBe("value_not_json");
  });

  test("values of one MiB are stored, larger ones refused with their size", async () => {
    await store.records.put("k", "x".repeat(1024 * 1024 - 2));
    expect((await failure(store.records.put("k", "x".repeat(1024 * 1024 - 1))))?.details).toEqual({
      bytes: 1024 * 1024 + 1,
      maxBytes: 1024 * 1024,
    });
    expect((await failure(store.records.put("k", "日".repeat(400_000))))?.code).toBe("value_too_large");
    await store.records.delete("k");
  });

  test.each([
    ["null", null],
    ["zero", 0],
    ["false", false],
    ["text", "\ud83d\ude00 \u0000 \u2028 \ud800"],
    ["a byte order mark", "\ufeffx"],
    ["nested", { a: [{ b: null }, [], {}], "": "empty name", __proto__x: 1, $cuitty: 1 }],
    ["of another realm", runInNewContext("({ list: [1, { a: 2 }] })")],
    ["without prototype", Object.assign(Object.create(null), { a: 1 })],
    ["an own __proto__", JSON.parse('{"__proto__":{"polluted":true}}')],
  ])("%s comes back equal, plain and encrypted", async (_name, value) => {
    for (const encrypt of [false, true]) {
      const one = await createStore({ name: "v", adapter: "memory", encrypt });
      await one.records.put("k", value);
      expect(JSON.stringify(await one.records.get("k"))).toBe(JSON.stringify(value));
      expect(JSON.stringify((await one.records.list())[0]!.value)).toBe(JSON.stringify(value));
      await one.close();
    }
  });

  test("properties that are undefined are left out, as JSON does", async () => {
    await store.records.put("k", { a: undefined, b: 1 });
    expect(await store.records.get("k")).toEqual({ b: 1 });
  });
});

describe("options", () => {
  const bad: [string, unknown, string][] = [
    ["no options", undefined, "invalid_option"],
    ["no name", {}, "invalid_option"],
    ["a name with a slash", { name: "a/b" }, "invalid_option"],
    ["an unknown adapter", { name: "a", adapter: "redis" }, "invalid_option"],
    ["an adapter without list", { name: "a", adapter: { get() {}, put() {}, delete() {} } }, "invalid_option"],
    [
      "an adapter that declares batches it has not",
      { name: "a", adapter: { get() {}, put() {}, delete() {}, list() {}, capabilities: { atomicBatch: true } } },
      "invalid_option",
    ],
    ["an unknown option", { name: "a", adapter: "memory", pth: "x" }, "invalid_option"],
    ["a path in memory", { name: "a", adapter: "memory", path: "x" }, "invalid_option"],
    ["a key without encryption", { name: "a", adapter: "memory", key: "x" }, "invalid_option"],
    ["a key of 16 bytes", { name: "a", adapter: "memory", encrypt: true, key: new Uint8Array(16) }, "invalid_option"],
    ["encrypt as text", { name: "a", adapter: "memory", encrypt: "yes" }, "invalid_option"],
    ["a passphrase without a key", { name: "a", adapter: "memory", encrypt: true, passphrase: "x" }, "invalid_option"],
    ["collections that are none", { name: "a", adapter: "memory", collections: 7 }, "invalid_option"],
    ["a collection that is none", { name: "a", adapter: "memory", collections: { users: null } }, "invalid_option"],
    [
      "an upcaster that is none",
      { name: "a", adapter: "memory", collections: { users: { schema: {}, upcasters: { 1: 1 } } } },
      "invalid_option",
    ],
    ["a schema that is none", { name: "a", adapter: "memory", collections: { users: { schema: 1 } } }, "invalid_option"],
    ["an S3 option on sqlite", { name: "a", adapter: "sqlite", bucket: "b" }, "unsupported_option"],
    ["indexeddb on Node", { name: "a", adapter: "indexeddb" }, "unsupported"],
  ];
  test.each(bad)("%s is refused", async (_name, options, code) => {
    expect((await failure(createStore(options as StoreOptions)))?.code).toBe(code);
  });

  test("an option of a kv entry that there is not is refused, not ignored", async () => {
    for (const options of [{ ttl: 1_000 }, { expires: 60 }, { value: 2 }, 1_000, null, "60s"] as never[]) {
      const error = await failure(store.kv.set("k", 1, options));
      expect(error?.code).toBe("invalid_option");
      expect(error?.message).toContain("ttlMs");
      expect((await failure(store.batch((batch) => batch.kv.put("k", 1, options))))?.code).toBe("invalid_option");
    }
    expect(await store.kv.has("k")).toBe(false);
  });

  test("options that are null, no object or misspelled are refused, never ignored and never a TypeError", async () => {
    const secret = await createStore({ name: "bad", adapter: "memory", encrypt: true });
    const calls: ((options: never) => unknown)[] = [
      (options) => store.records.list("", options),
      (options) => store.kv.list("", options),
      (options) => store.blobs.list("", options),
      (options) => store.events.list("log", options),
      (options) => store.blobs.put("k", "x", options),
      (options) => store.blobs.get("k", options),
      (options) => store.blobs.stream("k", options),
      (options) => store.import("", options),
      (options) => secret.crypto.exportKey(options),
      (options) => secret.crypto.rotateKey(options),
    ];
    for (const call of calls) {
      for (const options of [null, 7, "x", { lmit: 1 }] as never[])
        expect((await failure((async () => call(options))()))?.code, `${call} ${JSON.stringify(options)}`).toBe("invalid_option");
    }
    const puts = [{ contentType: 7 }, { onProgress: 1 }, { resume: "yes" }, { from: -1 }, { signal: {} }, { signal: null }];
    for (const options of puts) expect((await failure(store.blobs.put("k", "x", options as never)))?.code).toBe("invalid_option");
    expect((await failure(secret.crypto.rotateKey({ save: 1 as never })))?.code).toBe("invalid_option");
    await secret.close();
  });

  test("ttlMs must be a positive number", async () => {
    for (const ttlMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, "1000" as unknown as number]) {
      expect((await failure(store.kv.put("k", 1, { ttlMs })))?.code).toBe("invalid_option");
    }
  });

  test("a file that is no store is refused and left as it is", async () => {
    const path = join(folder, "text.db");
    await writeFile(path, "this is a text file, not a database, and it is long enough to have a header".repeat(20));
    expect((await failure(createStore({ name: "a", path })))?.code).toBe("corrupt");
  });

  test("a file whose name is longer than the file system takes is told so, with its name", async () => {
    const error = await failure(createStore({ name: "a", path: join(folder, `${"漢".repeat(128)}.db`) }));
    expect([error?.code, error?.message]).toEqual(["io", expect.stringMatching(/漢\S+ cannot be made or opened \(ENAMETOOLONG\)/)]);
  });

  test.each([
    ["tables of its own", ["CREATE TABLE notes (id INTEGER PRIMARY KEY)", "INSERT INTO notes VALUES (7)"]],
    ["a mark of its own", ["PRAGMA application_id = 77"]],
  ])("a database of another application, with %s, is refused and left as it is", async (name, statements) => {
    const path = join(folder, `${name}.db`);
    const other = await openFile({ path });
    for (const statement of statements) other.driver.exec(statement);
    await other.close();
    const before = await readFile(path);
    for (const encrypt of [false, true]) {
      const error = await failure(createStore({ name: "a", path, encrypt }));
      expect(error?.code).toBe("corrupt");
      expect(error?.message).toContain("name another path");
    }
    expect(await readFile(path)).toEqual(before);
  });

  test("a database of another application whose tables stand in its log alone is refused", async () => {
    const path = join(folder, "killed.db");
    const script = `
      import { openFile } from "@cuitty/storage/file";
      const other = await openFile({ path: process.argv[1] });
      other.driver.exec("CREATE TABLE notes (id INTEGER PRIMARY KEY)");
      process.kill(process.pid, "SIGKILL");`;
    spawnSync(process.execPath, ["--conditions=@cuitty/source", "--import", "tsx", "--input-type=module", "-e", script, path]);
    expect((await readFile(path)).readUInt16BE(103)).toBe(0);
    expect((await failure(createStore({ name: "a", path })))?.code).toBe("corrupt");
    const other = await openFile({ path });
    expect(other.all("SELECT name FROM sqlite_master")).toEqual([["notes"]]);
    await other.close();
  });

  test.each(["DROP TABLE cuitty_rows", "DROP INDEX cuitty_rows_key"])(
    "a store after %s is corrupt, and can be opened no more",
    async (damage) => {
      const path = join(folder, `${damage}.db`);
      await (await createStore({ name: "a", path })).close();
      const other = await openFile({ path });
      other.driver.exec(damage);
      await other.close();
      for (let i = 0; i < 2; i++) expect((await failure(createStore({ name: "a", path })))?.code).toBe("corrupt");
    },
  );

  test("a missing driver is named with what to install", () => {
    const loader = `export async function resolve(name, context, next) { if (name.startsWith("@cuitty/storage")) throw Object.assign(new Error("not found"), { code: "ERR_MODULE_NOT_FOUND" }); return next(name, context); }`;
    const script = `
      import { register } from "node:module";
      register("data:text/javascript," + encodeURIComponent(${JSON.stringify(loader)}));
      const { createStore } = await import("@cuitty/persist");
      await createStore({ name: "a", path: process.argv[1] }).catch((error) => console.log(error.code + ": " + error.message));`;
    const result = spawnSync(
      process.execPath,
      ["--conditions=@cuitty/source", "--import", "tsx", "--input-type=module", "-e", script, join(folder, "m.db")],
      { encoding: "utf8" },
    );
    expect(result.stdout).toMatch(/^missing_library: .*npm install @cuitty\/storage/);
  });
});

describe("a closed store", () => {
  test("refuses everything with store_closed, and closes twice", async () => {
    const closed = await createStore({ name: "c", adapter: "memory", encrypt: true });
    const pending = closed.records.put("a", 1);
    await Promise.all([closed.close(), closed.close()]);
    await pending;
    const calls = [
      closed.records.put("a", 1),
      closed.records.get("a"),
      Promise.resolve(closed.records.list()),
      closed.kv.put("a", 1),
      closed.blobs.put("a", "x"),
      closed.blobs.get("a"),
      closed.events.append("a", 1),
      Promise.resolve(closed.events.list("a")),
      closed.batch((batch) => batch.kv.put("a", 1)),
      closed.crypto.rotateKey(),
    ];
    calls.push(
      closed.batch(() => undefined),
      closed.kv.sweep(),
      closed.import(""),
      closed.export().next(),
      closed.crypto.exportKey(),
      closed.blobs.sweep(),
      Promise.resolve(closed.blobs.list()),
    );
    for (const call of calls) expect((await failure(call))?.code).toBe("store_closed");
    expect(closed.status().isOpen).toBe(false);
    const listeners = [
      () => closed.records.watch("a", () => undefined),
      () => closed.kv.watch("a", () => undefined),
      () => closed.blobs.watch("a", () => undefined),
      () => closed.events.subscribe("a", () => undefined),
      () => closed.events.on("error", () => undefined),
    ];
    for (const listen of listeners) expect(listen).toThrow(/the store is closed/);
  });

  test.each([false, true])(
    "what was called before close is done, what is called after it is refused, in the same turn too (encrypted: %s)",
    async (encrypt) => {
      const inner = memoryAdapter();
      const turn = () => new Promise((resolve) => setImmediate(resolve));
      let isClosed = false;
      const slow: PersistAdapter = {
        ...inner,
        async get(key) {
          await turn();
          if (isClosed) throw new Error("read after close");
          return inner.get(key);
        },
        async batch(ops) {
          await turn();
          await inner.batch!(ops);
        },
        async close() {
          isClosed = true;
        },
      };
      const secret = { encrypt, key: new Uint8Array(32).fill(1), keyStorage: "none" } as const;
      const closing = await createStore({ name: "c", adapter: slow, ...(encrypt ? secret : {}) });
      await closing.records.put("there", 1);
      const before = [
        closing.records.put("a", 1),
        closing.records.get("a"),
        closing.records.get("there"),
        closing.events.append("log", 1),
        closing.blobs.put("blob", new Uint8Array(200_000)),
        closing.batch(async (batch) => batch.records.put("b", await batch.records.get("there"))),
        closing.records.list().then((entries) => entries.length > 0),
      ];
      const closed = closing.close();
      const after = [closing.records.put("c", 1), closing.records.get("a"), closing.batch(() => 1), closing.events.append("log", 2)].map(
        failure,
      );
      expect(await Promise.all(before)).toMatchObject([undefined, 1, 1, { data: 1 }, { size: 200_000 }, undefined, true]);
      for (const error of await Promise.all(after)) expect(error?.code).toBe("store_closed");
      await closed;
    },
  );
});
