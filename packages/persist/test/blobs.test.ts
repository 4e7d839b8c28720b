// Blobs: streams in and out, ranges, progress, interrupted uploads, one copy of equal bytes, nothing left behind.
import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createStore, type PersistAdapter, type Store } from "@cuitty/persist";
import { seal } from "@cuitty/persist/crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { memoryAdapter } from "../src/adapters/memory.ts";

const chunk = 65_536;
const pattern = (size: number, seed = 1) => Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8) * seed + seed) & 255);

let adapter: PersistAdapter;
let store: Store;
let now = 1_000_000;
beforeEach(async () => {
  adapter = { ...memoryAdapter(), close: undefined };
  store = await open();
});
afterEach(() => store.close());
const open = () =>
  createStore({ name: "blobs", adapter, encrypt: true, key: new Uint8Array(32).fill(2), keyStorage: "none", clock: () => now });
const rowCount = async () => (await adapter.range!({ prefix: "", limit: 10_000 })).length;

async function collect(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream as unknown as AsyncIterable<Uint8Array>) parts.push(part);
  return Buffer.concat(parts);
}

describe("sources", () => {
  test("bytes, buffers, text, Blob, web stream, Node stream and iterables give the same blob", async () => {
    const folder = await mkdtemp(join(tmpdir(), "persist-blobs-"));
    const bytes = pattern(3 * chunk + 17);
    await writeFile(join(folder, "file"), bytes);
    const sources = [
      bytes,
      bytes.buffer as ArrayBuffer,
      Buffer.from(bytes),
      new Blob([bytes]),
      new Blob([bytes]).stream(),
      createReadStream(join(folder, "file")),
      [bytes.subarray(0, 3), bytes.subarray(3)],
    ];
    const hashes = new Set<string>();
    for (const source of sources) {
      const info = await store.blobs.put("b", source as Uint8Array);
      expect(info.size).toBe(bytes.length);
      hashes.add(info.hash);
      expect(Buffer.compare((await store.blobs.get("b"))!, bytes)).toBe(0);
    }
    expect(hashes.size).toBe(1);
    await store.blobs.put("text", "grüße");
    expect(new TextDecoder().decode(await store.blobs.get("text"))).toBe("grüße");
    await rm(folder, { recursive: true });
  });

  test.each([true, false])("bytes that look like sealed ones are bytes like any (adapter takes bytes: %s)", async (bytes) => {
    const { range: _range, ...inner } = memoryAdapter();
    const one = await createStore({ name: "plain", adapter: { ...inner, capabilities: { ...inner.capabilities, bytes } } });
    const sealed = await seal(pattern(2 * chunk), { key: new Uint8Array(32) });
    await one.blobs.put("sealed", sealed);
    await one.blobs.put("short", Uint8Array.of(0x43, 0x4b, 1));
    expect(Buffer.compare((await one.blobs.get("sealed"))!, sealed)).toBe(0);
    expect([...(await one.blobs.get("short"))!]).toEqual([0x43, 0x4b, 1]);
    let lines = 0;
    for await (const _line of one.export()) lines++;
    expect(lines).toBe(8);
    await one.close();
  });

  test("a stream that reuses its buffer is copied", async () => {
    const buffer = Buffer.alloc(10);
    async function* reuse() {
      for (let i = 0; i < 5; i++) yield buffer.fill(i);
    }
    await store.blobs.put("b", reuse());
    expect([...(await store.blobs.get("b"))!].filter((_, i) => i % 10 === 0)).toEqual([0, 1, 2, 3, 4]);
  });

  test("what is no source is refused, and a failing source leaves the old blob whole", async () => {
    await expect(store.blobs.put("b", 7 as never)).rejects.toMatchObject({ code: "invalid_option" });
    await store.blobs.put("b", pattern(10));
    async function* failing() {
      yield pattern(20 * chunk);
      throw new Error("connection lost");
    }
    await expect(store.blobs.put("b", failing())).rejects.toThrow("connection lost");
    expect((await store.blobs.get("b"))?.length).toBe(10);
  });
});

describe("a source that stalls", () => {
  const never = () => new Promise<never>(() => undefined);
  const stalled: [string, (onGivenUp: () => void) => unknown][] = [
    [
      "a web stream",
      (cancel) => new ReadableStream({ pull: (controller) => controller.enqueue(pattern(10)), cancel }, { highWaterMark: 1 }),
    ],
    ["a web stream", (cancel) => new ReadableStream({ pull: never, cancel })],
    [
      "a Node stream",
      (onGivenUp) =>
        new Readable({
          read: () => undefined,
          destroy: (_error, done) => {
            onGivenUp();
            done(null);
          },
        }),
    ],
    ["an iterator", (onGivenUp) => ({ [Symbol.asyncIterator]: () => ({ next: never, return: async () => onGivenUp() }) })],
  ];
  test.each(stalled)("%s is given up when the signal says so, and the key is free again", async (_name, source) => {
    const controller = new AbortController();
    let isGivenUp = false;
    const put = store.blobs.put(
      "b",
      source(() => {
        isGivenUp = true;
      }) as ReadableStream<Uint8Array>,
      { signal: controller.signal },
    );
    const next = store.blobs.put("b", pattern(7));
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new Error("enough"));
    await expect(put).rejects.toThrow("enough");
    expect((await next).size).toBe(7);
    expect(isGivenUp).toBe(true);
  });

  test("a put that is aborted before its turn reads nothing", async () => {
    const controller = new AbortController();
    controller.abort(new Error("never mind"));
    let isRead = false;
    async function* source() {
      isRead = true;
      yield pattern(1);
    }
    await expect(store.blobs.put("b", source(), { signal: controller.signal })).rejects.toThrow("never mind");
    expect(isRead).toBe(false);
  });
});

describe("reading", () => {
  test("ranges as Blob.slice has them, and streams of them", async () => {
    const bytes = pattern(2 * chunk + 100);
    await store.blobs.put("b", bytes);
    for (const [start, end] of [
      [0, 0],
      [0, 1],
      [chunk - 1, chunk + 1],
      [chunk, 2 * chunk],
      [5, 10 ** 9],
      [10 ** 9, 10 ** 9 + 1],
      [50, 20],
      [2 * chunk + 99, undefined],
    ] as const) {
      const expected = bytes.slice(start, end);
      const range = end === undefined ? { start } : { start, end };
      expect(Buffer.compare((await store.blobs.get("b", range))!, start > (end ?? bytes.length) ? new Uint8Array(0) : expected)).toBe(0);
      expect(
        Buffer.compare(
          await collect((await store.blobs.stream("b", range))!),
          start > (end ?? bytes.length) ? new Uint8Array(0) : expected,
        ),
      ).toBe(0);
    }
    expect(await store.blobs.get("missing")).toBeUndefined();
    expect(await store.blobs.stream("missing")).toBeUndefined();
    await expect(store.blobs.get("b", { start: -1 })).rejects.toMatchObject({ code: "invalid_option" });
  });

  test("a blob replaced while it is streamed says so; a lost chunk is corrupt", async () => {
    await store.blobs.put("b", pattern(40 * chunk));
    const reader = (await store.blobs.stream("b"))!.getReader();
    await reader.read();
    await store.blobs.put("b", pattern(40 * chunk, 2));
    await expect(reader.read()).rejects.toMatchObject({ code: "blob_changed" });
    const large = (await adapter.range!({ prefix: "", limit: 1000 })).filter(({ value }) => (value as Uint8Array).length > chunk);
    await adapter.delete(large[0]!.key);
    await expect(store.blobs.get("b")).rejects.toMatchObject({ code: "corrupt" });
  });
});

describe("one copy of equal bytes", () => {
  test("a second name costs one row, and the bytes stay until the last name is gone", async () => {
    await store.blobs.put("a", pattern(10 * chunk));
    const before = await rowCount();
    await store.blobs.put("b", pattern(10 * chunk));
    await store.blobs.put("b", pattern(10 * chunk));
    expect(await rowCount()).toBe(before + 1);
    await store.blobs.delete("a");
    expect(Buffer.compare((await store.blobs.get("b"))!, pattern(10 * chunk))).toBe(0);
    await store.blobs.delete("b");
    await store.blobs.delete("b");
    expect(await rowCount()).toBe(1);
  });

  test("replacing and deleting leave no chunk behind, large ones too, also after a crash between the commits", async () => {
    await store.blobs.put("a", pattern(100 * chunk));
    await store.blobs.put("a", pattern(100 * chunk, 2));
    await store.blobs.put("a", pattern(5));
    expect(await rowCount()).toBe(4);
    await store.blobs.put("big", pattern(100 * chunk, 3));
    let isCrashed = false;
    const dying: PersistAdapter = {
      ...adapter,
      batch: async (ops) => {
        if (isCrashed) throw new Error("dead");
        await adapter.batch!(ops);
        isCrashed = true;
      },
    };
    const other = await createStore({ name: "blobs", adapter: dying, encrypt: true, key: new Uint8Array(32).fill(2), keyStorage: "none" });
    await expect(other.blobs.delete("big")).rejects.toMatchObject({ code: "write_failed" });
    await other.close();
    await store.close();
    store = await open();
    await store.blobs.sweep();
    expect(await rowCount()).toBe(4);
  });
});

describe("export", () => {
  test("a blob that is replaced or deleted while it is exported is exported whole, as it was, and its chunks go afterwards", async () => {
    for (const [key, size] of [
      ["a", 40 * chunk],
      ["b", 3 * chunk],
      ["c", 3 * chunk],
    ] as const)
      await store.blobs.put(key, pattern(size));
    const lines: string[] = [];
    for await (const line of store.export()) {
      lines.push(line);
      const { type, key } = JSON.parse(line) as { type?: string; key?: string };
      if (type === "blob" && key === "c") await store.blobs.delete("c");
      else if (type === "blob") await store.blobs.put(key!, pattern(2 * chunk, lines.length));
    }
    const target = await createStore({ name: "t", adapter: "memory" });
    expect(await target.import(lines)).toMatchObject({ blobs: 3 });
    expect(Buffer.compare((await target.blobs.get("a"))!, pattern(40 * chunk))).toBe(0);
    for (const key of ["b", "c"]) expect(Buffer.compare((await target.blobs.get(key))!, pattern(3 * chunk))).toBe(0);
    await target.close();
    await store.blobs.sweep();
    // The manifest; a name, a content and two chunks of each.
    expect(await rowCount()).toBe(1 + 2 * 4);
  });

  test("an export that is given up keeps no chunks for ever", async () => {
    await store.blobs.put("a", pattern(40 * chunk));
    for await (const line of store.export()) if (line.includes('"chunk"')) break;
    await store.blobs.delete("a");
    expect(await rowCount()).toBe(1);
  });
});

describe("interrupted uploads", () => {
  const bytes = pattern(50 * chunk + 5);

  async function interrupt(): Promise<void> {
    const controller = new AbortController();
    await expect(
      store.blobs.put("big", bytes, {
        signal: controller.signal,
        onProgress: ({ storedBytes }) => storedBytes > 40 * chunk && controller.abort(new Error("offline")),
      }),
    ).rejects.toThrow("offline");
  }

  test("go on after what is stored, with the whole source or with the rest of it, and after opening again", async () => {
    await interrupt();
    expect(await store.blobs.get("big")).toBeUndefined();
    const stored = await store.blobs.uploadedBytes("big");
    expect(stored).toBe(32 * chunk);
    await store.close();
    store = await open();
    const writes: number[] = [];
    await store.blobs.put("big", bytes.subarray(stored), {
      resume: true,
      from: stored,
      onProgress: ({ storedBytes, totalBytes }) => writes.push(storedBytes / totalBytes!),
    });
    expect(writes[0]).toBeGreaterThan(0.6);
    expect(writes.at(-1)).toBe(1);
    expect(Buffer.compare((await store.blobs.get("big"))!, bytes)).toBe(0);
    expect(await store.blobs.uploadedBytes("big")).toBe(0);

    await store.blobs.delete("big");
    await interrupt();
    await store.blobs.put("big", bytes, { resume: true });
    expect(Buffer.compare((await store.blobs.get("big"))!, bytes)).toBe(0);
  });

  test("another source, another offset or a shorter source is a mismatch", async () => {
    await interrupt();
    await expect(store.blobs.put("big", pattern(50 * chunk, 9), { resume: true })).rejects.toMatchObject({ code: "resume_mismatch" });
    await expect(store.blobs.put("big", bytes, { resume: true, from: chunk })).rejects.toMatchObject({ code: "resume_mismatch" });
    await expect(store.blobs.put("big", bytes.subarray(0, 3 * chunk), { resume: true })).rejects.toMatchObject({ code: "resume_mismatch" });
  });

  test("are dropped by a put without resume, and by the sweep after 7 days", async () => {
    await interrupt();
    await store.blobs.put("big", pattern(5));
    expect(await rowCount()).toBe(4);
    await interrupt();
    await store.blobs.sweep();
    expect(await store.blobs.uploadedBytes("big")).toBe(32 * chunk);
    now += 8 * 24 * 3_600_000;
    await store.blobs.sweep();
    expect(await store.blobs.uploadedBytes("big")).toBe(0);
    expect(await rowCount()).toBe(4);
  });
});

test("an adapter that declares no blobs throws unsupported", async () => {
  const one = await createStore({ name: "x", adapter: { ...memoryAdapter(), capabilities: { blobs: false } } });
  await expect(one.blobs.put("a", "x")).rejects.toMatchObject({ code: "unsupported" });
  await expect(one.blobs.get("a")).rejects.toMatchObject({ code: "unsupported" });
  expect(() => one.blobs.list()).toThrow(/cannot hold blobs/);
  await one.close();
});

test("many puts at once, to the same and to different keys, end whole", async () => {
  const puts = Array.from({ length: 24 }, (_, i) => store.blobs.put(`k${i % 3}`, pattern(2 * chunk, i)));
  await Promise.all(puts);
  for (let key = 0; key < 3; key++) expect(Buffer.compare((await store.blobs.get(`k${key}`))!, pattern(2 * chunk, 21 + key))).toBe(0);
  await Promise.all([0, 1, 2].map((key) => store.blobs.delete(`k${key}`)));
  expect(await rowCount()).toBe(1);
});

/** A source that never gives its second part. */
async function* stalled(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(5);
  await new Promise(() => undefined);
}

test("a put that waits for another of its key ends with its own signal, and never begins", async () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const waiting = store.blobs.put("k", stalled(), { signal: first.signal });
  const ended = store.blobs.put("k", "second", { signal: second.signal });
  second.abort(new Error("mine"));
  await expect(ended).rejects.toThrow("mine");
  await expect(store.blobs.put("k", "third", { signal: AbortSignal.abort(new Error("before")) })).rejects.toThrow("before");
  first.abort(new Error("first"));
  await expect(waiting).rejects.toThrow("first");
  expect(await store.blobs.has("k")).toBe(false);
  await store.blobs.put("k", "fourth", { signal: new AbortController().signal });
  expect(new TextDecoder().decode(await store.blobs.get("k"))).toBe("fourth");
});
