// Importing into a store that is in use, from sources of every kind.
import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore, type Store } from "@cuitty/persist";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let store: Store;
beforeEach(async () => {
  store = await createStore({ name: "import", adapter: "memory" });
});
afterEach(() => store.close());

const head = '{"cuitty":"persist-export","version":1}';

/** An export of those lines, the last one counting the others. */
function exportOf(...lines: unknown[]): string[] {
  return [head, ...lines.map((line) => JSON.stringify(line)), JSON.stringify({ type: "end", lines: lines.length + 1 })].map(
    (line) => `${line}\n`,
  );
}

/** Resolves when the source is asked for its last line, and gives that when told to. */
function held(lines: readonly string[]) {
  let reached!: () => void;
  let go!: () => void;
  const isReached = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const mayGo = new Promise<void>((resolve) => {
    go = resolve;
  });
  async function* source(): AsyncGenerator<string> {
    yield* lines.slice(0, -1);
    reached();
    await mayGo;
    yield lines.at(-1)!;
  }
  return { source: source(), isReached, go };
}

test("what the app writes or deletes while an import runs is kept with existing keep", async () => {
  const lines = exportOf(
    { type: "record", key: "note", value: "old" },
    { type: "record", key: "other", value: "old" },
    { type: "kv", key: "setting", value: "old" },
  );
  const { source, isReached, go } = held(lines);
  const importing = store.import(source, { existing: "keep" });
  await isReached;
  await store.records.put("note", "new");
  const written = store.kv.put("setting", "new");
  go();
  expect(await importing).toEqual({ records: 1, kv: 0, events: 0, blobs: 0, kept: 2 });
  await written;
  expect([await store.records.get("note"), await store.records.get("other"), await store.kv.get("setting")]).toEqual(["new", "old", "new"]);
});

test("what is written while the import looks whether a key is there is kept too", async () => {
  const rows = new Map<string, string>();
  let onRead: (() => void) | undefined;
  const slow = await createStore({
    name: "slow",
    adapter: {
      async get(key) {
        const row = rows.get(key);
        onRead?.();
        onRead = undefined;
        return row === undefined ? undefined : JSON.parse(row);
      },
      put: async (key, value) => void rows.set(key, JSON.stringify(value)),
      delete: async (key) => rows.delete(key),
      list: async (prefix) => [...rows].filter(([key]) => key.startsWith(prefix)).map(([key, row]) => ({ key, value: JSON.parse(row) })),
    },
  });
  let written: Promise<void> | undefined;
  onRead = () => {
    written = slow.records.put("note", "new");
  };
  const text = exportOf({ type: "record", key: "note", value: "old" }).join("");
  expect((await slow.import(text, { existing: "keep" })).kept).toBe(1);
  await written;
  expect(await slow.records.get("note")).toBe("new");
  await slow.close();
});

test("a blob the app is putting while it is imported is kept", async () => {
  const lines = exportOf({ type: "blob", key: "logo", size: 3 }, { type: "chunk", data: "AAAA" });
  const app = held(["n", "ew"]);
  const bytes = (async function* () {
    for await (const part of app.source) yield new TextEncoder().encode(part);
  })();
  const putting = store.blobs.put("logo", bytes);
  await app.isReached;
  const importing = store.import(lines, { existing: "keep" });
  app.go();
  expect(await importing).toMatchObject({ blobs: 0, kept: 1 });
  await putting;
  expect(new TextDecoder().decode(await store.blobs.get("logo"))).toBe("new");
});

test("a key that comes twice is there the second time", async () => {
  const lines = exportOf({ type: "record", key: "a", value: 1 }, { type: "record", key: "a", value: 2 });
  expect(await store.import(lines, { existing: "keep" })).toMatchObject({ records: 1, kept: 1 });
  expect(await store.records.get("a")).toBe(1);
});

test("a stream without an iterator, as some browsers have them, is imported", async () => {
  const stream = new Blob(exportOf({ type: "record", key: "a", value: 1 })).stream();
  Object.defineProperty(stream, Symbol.asyncIterator, { value: undefined });
  expect((await store.import(stream as ReadableStream<Uint8Array>)).records).toBe(1);
  await expect(store.import(stream as ReadableStream<Uint8Array>)).rejects.toMatchObject({ code: "import_invalid" });
  const locked = new Blob([]).stream();
  locked.getReader();
  await expect(store.import(locked as ReadableStream<Uint8Array>)).rejects.toMatchObject({ code: "invalid_option" });
});

test.each(["record", "garbage", "a second export"])("a %s after the last line is refused with its line", async (what) => {
  const lines = exportOf({ type: "record", key: "a", value: 1 });
  const after = { record: '{"type":"record","key":"b","value":1}\n', garbage: "garbage", "a second export": lines.join("") }[what];
  await expect(store.import(lines.join("") + after)).rejects.toMatchObject({ code: "import_invalid", details: { line: 4 } });
  expect(await store.records.list()).toEqual([{ key: "a", value: 1 }]);
  expect(await store.import(`${lines.join("")}\n\r\n\n`)).toMatchObject({ records: 1 });
});

test("a long line in small parts takes as long as in large ones", async () => {
  const text = exportOf({ type: "record", key: "a", value: "x".repeat(1_000_000) }).join("");
  function* parts() {
    for (let i = 0; i < text.length; i += 64) yield text.slice(i, i + 64);
  }
  expect(await store.import(parts())).toMatchObject({ records: 1 });
  expect(await store.records.get<string>("a")).toHaveLength(1_000_000);
}, 5_000);

test("what goes on and on without a line feed is refused before it fills the memory", async () => {
  let given = 0;
  const part = "x".repeat(8 * 1024 * 1024);
  function* endless() {
    yield exportOf()[0]!;
    for (;;) {
      given += part.length;
      yield part;
    }
  }
  await expect(store.import(endless())).rejects.toMatchObject({ code: "import_invalid", details: { line: 2 } });
  expect(given).toBeLessThan(100 * 1024 * 1024);
});

test("lines are found wherever the parts end, whatever ends them, as text and as bytes", async () => {
  const text = exportOf({ type: "record", key: "a", value: "é\u2028 한" }, { type: "kv", key: "b", value: 2 }).join("");
  for (const whole of [text, text.replaceAll("\n", "\r\n"), text.trimEnd(), `\ufeff${text}`]) {
    const bytes = new TextEncoder().encode(whole);
    for (const size of [1, 2, 7, 1000]) {
      const texts = Array.from({ length: Math.ceil(whole.length / size) }, (_, i) => whole.slice(i * size, (i + 1) * size));
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
      for (const source of [texts, pieces]) expect(await store.import(source)).toMatchObject({ records: 1, kv: 1 });
    }
    expect(await store.import(whole)).toMatchObject({ records: 1, kv: 1 });
  }
  expect(await store.records.get("a")).toBe("é\u2028 한");
});

test.each(["", ',"version":0.5', ',"version":0', ',"version":"1"', ',"version":null'])(
  "a first line with%s for a version is refused",
  async (version) => {
    await expect(store.import(`{"cuitty":"persist-export"${version}}\n{"type":"end","lines":1}\n`)).rejects.toMatchObject({
      code: "import_invalid",
      details: { line: 1 },
    });
  },
);

test("what comes twice in one go is counted once, as it is stored", async () => {
  const id = "0".repeat(24);
  const lines = exportOf(
    { type: "event", log: "log", id, data: 1 },
    { type: "event", log: "log", id, data: 2 },
    { type: "record", key: "a", value: 1 },
    { type: "record", key: "a", value: 2 },
  );
  expect(await store.import(lines)).toEqual({ records: 1, kv: 0, events: 1, blobs: 0, kept: 0 });
  expect((await store.events.list("log")).map(({ data }) => data)).toEqual([2]);
  expect(await store.records.get("a")).toBe(2);
});

test("what stood before a bad line is imported", async () => {
  const lines = exportOf(
    { type: "record", key: "a", value: 1 },
    { type: "record", key: "..", value: 1 },
    { type: "record", key: "b", value: 1 },
  );
  await expect(store.import(lines)).rejects.toMatchObject({ code: "invalid_key", details: { line: 3 } });
  expect(await store.records.list()).toEqual([{ key: "a", value: 1 }]);
});

describe("the source is given back", () => {
  const good = exportOf({ type: "record", key: "a", value: 1 });
  const sources: [string, string | undefined, string[]][] = [
    ["a good export", undefined, good],
    ["a foreign one", "import_invalid", ['{"hello":1}\n', "more\n"]],
    ["a line that is no JSON", "import_invalid", [good[0]!, "no JSON\n", "more\n"]],
    ["a bad key", "invalid_key", [good[0]!, '{"type":"record","key":"..","value":1}\n', "more\n"]],
    ["a bad chunk", "import_invalid", [good[0]!, '{"type":"blob","key":"b","size":9}\n', "{}\n", "more\n"]],
    ["a wrong count", "import_invalid", [good[0]!, '{"type":"end","lines":7}\n', "more\n"]],
  ];
  const codeOf = (importing: Promise<unknown>) =>
    importing.then(
      () => undefined,
      (error: { code: string }) => error.code,
    );

  test.each(sources)("a generator of %s", async (_name, code, lines) => {
    let isClosed = false;
    async function* source() {
      try {
        yield* lines;
      } finally {
        isClosed = true;
      }
    }
    expect(await codeOf(store.import(source()))).toBe(code);
    expect(isClosed).toBe(true);
  });

  test.each(sources)("a web stream of %s", async (_name, code, lines) => {
    let isCancelled = false;
    const left = lines.slice();
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        const line = left.shift();
        if (line === undefined) controller.close();
        else controller.enqueue(new TextEncoder().encode(line));
      },
      cancel() {
        isCancelled = true;
      },
    });
    expect(await codeOf(store.import(stream))).toBe(code);
    expect([isCancelled || left.length === 0, stream.locked]).toEqual([true, false]);
  });

  test.each(sources)("a file of %s", async (_name, code, lines) => {
    const folder = await mkdtemp(join(tmpdir(), "persist-import-"));
    const path = join(folder, "export");
    await writeFile(path, lines.join(""));
    const stream = createReadStream(path, { highWaterMark: 16 });
    const closed = new Promise<void>((resolve) => stream.once("close", () => resolve()));
    expect(await codeOf(store.import(stream))).toBe(code);
    await closed;
    await rm(folder, { recursive: true });
  });

  test("what its end throws does not hide why the import failed", async () => {
    async function* source() {
      try {
        yield "no JSON\n";
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: reason: a source may fail to close.
        throw new Error("cannot close");
      }
    }
    expect(await codeOf(store.import(source()))).toBe("import_invalid");
  });
});
