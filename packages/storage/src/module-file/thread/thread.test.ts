// Module files on a storage thread: what holds in one's own thread holds here, and a thread that dies loses nothing that was acknowledged.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { holdWriteLock } from "../../engine/testing/lock-holder.ts";
import { callProcedure } from "../procedure.ts";
import { type Bundle, bundleForChild } from "../testing/bundle.ts";
import { appendNext, endThread } from "../testing/thread-entry.ts";
import type { IngestWrite, Migration, ModuleFile } from "../types.ts";
import { writeBatch } from "../write-batch.ts";
import { createStorageThread, createStorageThreads, type StorageThread } from "./storage-thread.ts";

const migrations: Migration[] = [
  {
    version: 1,
    name: "events",
    statements: ["CREATE TABLE events (seq INTEGER PRIMARY KEY, project TEXT NOT NULL, id TEXT, body ANY, UNIQUE (project, id)) STRICT"],
  },
];

let bundle: Bundle;
beforeAll(async () => {
  bundle = await bundleForChild(join(import.meta.dirname, "../testing/thread-entry.ts"));
});
afterAll(() => bundle.remove());

let folder: string;
let thread: StorageThread;
let file: ModuleFile;
const open = (name: string) => thread.openModuleFile({ location: join(folder, name), migrations });
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "cuitty-thread-"));
  thread = await createStorageThread({ file: bundle.path });
  file = await open("a.db");
});
afterEach(async () => {
  await file.close();
  await thread.close();
  rmSync(folder, { recursive: true, force: true });
});

function request(key: string, ids: readonly string[], extra: Partial<IngestWrite> = {}): IngestWrite {
  return {
    projectId: "p1",
    idempotencyKey: key,
    // A view of a pooled buffer, as hashes often are.
    fingerprint: Buffer.concat([Buffer.alloc(8), createHash("sha256").update(ids.join()).digest()]).subarray(8),
    statements: [{ table: "events", columns: ["project", "id", "body"], rows: ids.map((id) => ["p1", id, id]), onConflict: "ignore" }],
    nowMs: 1_000,
    ...extra,
  };
}
const count = async (of = file) => (await of.all("SELECT count(*) FROM events"))[0]?.[0];

test("a key is written once, replayed, and refused with another body", async () => {
  expect(await file.write(request("k1", ["a", "b"]))).toEqual({ status: "written", inserted: 2, duplicate: 0, note: null });
  expect(await file.write(request("k1", ["a", "b"]))).toMatchObject({ status: "replayed", inserted: 2 });
  expect(await file.write(request("k1", ["c"]))).toEqual({ status: "mismatch" });
  expect(await file.write(request("k2", ["b", "c"]))).toMatchObject({ inserted: 1, duplicate: 1 });
  expect(await count()).toBe(3);
  expect(file.stats()).toMatchObject({ queued: 0 });
  expect(file.stats().commits).toBeGreaterThan(0);
});

test("requests that wait share a commit; a bad one fails alone, with the file's own error", async () => {
  const before = file.stats().commits;
  const bad = request("bad", [], { statements: [{ sql: "INSERT INTO events (project) VALUES (NULL)" }] });
  const good = Array.from({ length: 40 }, (_, index) => request(`k${index}`, [`e${index}`]));
  await Promise.all(good.map((each) => file.write(each)));
  expect(file.stats().commits - before).toBeLessThan(20);
  const results = await Promise.allSettled([file.write(request("x", ["x"])), file.write(bad), file.write(request("y", ["y"]))]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect((results[1] as PromiseRejectedResult).reason).toMatchObject({
    name: "CuittyError",
    code: "constraint",
    details: { kind: "not_null" },
  });
  expect(await count()).toBe(42);
});

test("a transaction's body runs in its own thread, sees rows, and takes everything back when it throws", async () => {
  const bytes = Buffer.from("..bytes..").subarray(2, 7);
  const read = await file.transact((tx) => {
    expect(tx.insert({ table: "events", columns: ["project", "id", "body"], rows: [["p1", "t", bytes]] })).toBe(1);
    expect(() => tx.run("INSERT INTO nowhere VALUES (1)")).toThrow(expect.objectContaining({ code: "sql" }));
    return tx.all("SELECT body FROM events WHERE id = ?", ["t"]);
  });
  expect(read).toEqual([[Buffer.from("bytes")]]);
  const thrown = new Error("mine");
  const failing = file.transact((tx) => {
    tx.run("DELETE FROM events");
    throw thrown;
  });
  await expect(failing).rejects.toBe(thrown);
  await expect(file.transact(async () => 1)).rejects.toMatchObject({ code: "async_transaction" });
  let escaped: (() => unknown) | undefined;
  await file.transact((tx) => {
    escaped = () => tx.all("SELECT 1");
  });
  expect(escaped).toThrow(expect.objectContaining({ code: "closed" }));
  expect(await file.all("SELECT body FROM events")).toEqual([[Buffer.from("bytes")]]);
});

test("interactive work: a function runs here, a procedure that the thread knows runs there, both within the request", async () => {
  const counts = { statements: [], fingerprint: undefined };
  expect(await file.write(request("f", [], { ...counts, interactive: (tx) => appendNext.run(tx, { body: "here" }) }))).toMatchObject({
    inserted: 1,
  });
  const there = request("p", [], { ...counts, interactive: callProcedure(appendNext, { body: "there" }) });
  expect(await file.write(there)).toMatchObject({ status: "written", inserted: 1 });
  expect(await file.write(there)).toMatchObject({ status: "replayed", inserted: 1 });
  const unknown = { name: "test.unknown", run: appendNext.run };
  expect(await file.write(request("u", [], { ...counts, interactive: callProcedure(unknown, { body: "known here" }) }))).toMatchObject({
    inserted: 1,
  });
  expect((await file.all("SELECT body FROM events ORDER BY seq")).flat()).toEqual(["here", "there", "known here"]);
});

test("a batch over several files is written in all of them, or in none when its key was used with another body", async () => {
  const [second, third] = await Promise.all([open("b.db"), open("c.db")]);
  const parts = (key: string, id: string) => [file, second].map((each) => ({ file: each, request: request(key, [id]) }));
  expect(await writeBatch(parts("k1", "a"), [third])).toMatchObject([{ status: "written" }, { status: "written" }]);
  expect(await writeBatch(parts("k1", "a"), [third])).toMatchObject([{ status: "replayed" }, { status: "replayed" }]);
  const noted = parts("k1", "a").map((part) => ({ ...part, request: { ...part.request, note: "[]" } }));
  expect(await writeBatch(noted, [third])).toEqual(Array(2).fill({ status: "outdated", note: null }));
  await third.write(request("k2", ["x"]));
  expect(await writeBatch(parts("k2", "b"), [third])).toEqual([{ status: "mismatch" }, { status: "mismatch" }]);
  await second.write(request("k3", ["y"]));
  expect(await writeBatch(parts("k3", "c"))).toEqual([{ status: "mismatch" }, { status: "mismatch" }]);
  expect([await count(), await count(second), await count(third)]).toEqual([1, 2, 1]);
  const pending = writeBatch(parts("k4", "d"), [third]);
  for (let turn = 0; turn < 50 && second.stats().queued === 0; turn++) await Promise.resolve();
  expect([file.stats().queued, second.stats().queued]).toEqual([1, 1]);
  await pending;
  expect([file.stats().queued, second.stats().queued]).toEqual([0, 0]);
  await Promise.all([second.close(), third.close()]);
});

describe("two threads", () => {
  let threads: StorageThread;
  let files: ModuleFile[];
  beforeEach(async () => {
    threads = await createStorageThreads({ file: bundle.path }, 2);
    files = await Promise.all(
      ["one.db", "two.db", "three.db"].map((name) => threads.openModuleFile({ location: join(folder, name), migrations })),
    );
  });
  afterEach(async () => {
    await Promise.all(files.map((each) => each.close()));
    await threads.close();
  });
  const [one, two, three] = [0, 1, 2].map((index) => () => files[index] as ModuleFile) as [
    () => ModuleFile,
    () => ModuleFile,
    () => ModuleFile,
  ];
  const counts = () => Promise.all(files.map(count));

  test("share the files: one that waits for a lock does not hold up the other", async () => {
    const lock = await holdWriteLock(join(folder, "one.db"));
    const stuck = one().transact((tx) => tx.all("SELECT 1"));
    expect(await two().write(request("k1", ["a"]))).toMatchObject({ status: "written" });
    const endsThread = { ...request("k2", [], { statements: [], interactive: callProcedure(endThread, null) }), idempotencyKey: "k2" };
    await expect(two().write(endsThread)).rejects.toMatchObject({ code: "io" });
    await lock.release();
    expect(await stuck).toEqual([[1]]);
    // Its own thread is a new one, and has what was acknowledged.
    expect(await two().write(request("k1", ["a"]))).toMatchObject({ status: "replayed" });
  });

  test("a batch with a new key is written by both, its outcomes in the order of its parts", async () => {
    const parts = [
      { file: three(), request: request("k1", ["a", "b", "c"]) },
      { file: two(), request: request("k1", ["a"]) },
      { file: one(), request: request("k1", ["a", "b"]) },
    ];
    expect(await writeBatch(parts, [], { isNewKey: true })).toMatchObject([{ inserted: 3 }, { inserted: 1 }, { inserted: 2 }]);
    // The caller was wrong: each file's own inbox still holds.
    expect(await writeBatch(parts, [], { isNewKey: true })).toMatchObject(Array(3).fill({ status: "replayed" }));
    expect(await counts()).toEqual([2, 1, 3]);
  });

  test("a batch whose key a file of the other thread has with another body or note is written nowhere", async () => {
    await two().write(request("k1", ["x"]));
    const parts = [
      { file: one(), request: request("k1", ["a"]) },
      { file: three(), request: request("k1", ["a"]) },
    ];
    expect(await writeBatch(parts, [two()])).toEqual([{ status: "mismatch" }, { status: "mismatch" }]);
    const spread = [...parts, { file: two(), request: request("k1", ["a"]) }];
    expect(await writeBatch(spread)).toEqual(Array(3).fill({ status: "mismatch" }));
    const noted = [{ file: one(), request: request("k1", ["x"], { note: "[]" }) }];
    expect(await writeBatch(noted, [two()])).toEqual([{ status: "outdated", note: null }]);
    expect(await counts()).toEqual([0, 1, 0]);
    expect(await writeBatch([{ file: one(), request: request("k1", ["x"]) }], [two()])).toMatchObject([{ status: "written" }]);
  });

  test("a part that fails rejects the batch when the others have ended, and is written when it is sent again", async () => {
    const lock = await holdWriteLock(join(folder, "one.db"));
    const parts = files.map((each) => ({ file: each, request: request("k1", ["a"]) }));
    await expect(writeBatch(parts, [], { isNewKey: true })).rejects.toMatchObject({ code: "busy" });
    expect(files.map((each) => each.stats().queued)).toEqual([0, 0, 0]);
    await lock.release();
    expect(await writeBatch(parts)).toMatchObject([{ status: "written" }, { status: "replayed" }, { status: expect.any(String) }]);
    expect(await counts()).toEqual([1, 1, 1]);
  });

  test("neither holds the rows while it waits", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const slow = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000000) SELECT max(i) FROM n";
    const busy = [one(), two()].map((each) => each.all(slow));
    await new Promise((resolve) => setImmediate(resolve));
    const begin = () => {
      const bodies = [new Uint8Array(8), new Uint8Array(8)];
      const statements = bodies.map((body) => [
        { table: "events", columns: ["project", "id", "body"], rows: [["p1", "a", body]], onConflict: "ignore" as const },
      ]);
      const parts = [one(), two()].map((each, index) => ({
        file: each,
        request: request("k1", [], { statements: statements[index] ?? [] }),
      }));
      return { held: bodies.map((body) => new WeakRef(body)), written: writeBatch(parts, [], { isNewKey: true }) };
    };
    const { held, written } = begin();
    await new Promise((resolve) => setTimeout(resolve, 20));
    collect();
    expect(held.map((each) => each.deref())).toEqual([undefined, undefined]);
    expect(await written).toMatchObject([{ inserted: 1 }, { inserted: 1 }]);
    await Promise.all(busy);
  });

  test("a count that is none and a file that is not there are told plainly", async () => {
    await expect(createStorageThreads({ file: bundle.path }, 0)).rejects.toMatchObject({ code: "invalid_parameter" });
    await expect(createStorageThreads({ file: join(folder, "none.mjs") }, 2)).rejects.toMatchObject({ code: "thread_unavailable" });
  });
});

test("the event loop goes on while a lock is held elsewhere; a write that waits can be called off", async () => {
  const lock = await holdWriteLock(join(folder, "a.db"));
  const controller = new AbortController();
  const waiting = file.write(request("k1", ["a"]), { signal: controller.signal });
  controller.abort(new Error("no longer wanted"));
  await expect(waiting).rejects.toThrow("no longer wanted");
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  await expect(file.write(request("k2", ["b"]))).rejects.toMatchObject({ code: "busy", retryable: true });
  clearInterval(timer);
  expect(ticks).toBeGreaterThan(5);
  await lock.release();
  expect(await file.write(request("k3", ["c"]))).toMatchObject({ status: "written" });
  expect(await count()).toBe(1);
});

test("a thread that dies rejects what was under way, and is there again for the next call with all that was acknowledged", async () => {
  await file.write(request("k1", ["a"]));
  const fatal = request("k2", [], { statements: [], interactive: callProcedure(endThread, null) });
  await expect(file.write(fatal)).rejects.toMatchObject({ code: "io", retryable: true });
  expect(await file.write(request("k1", ["a"]))).toMatchObject({ status: "replayed" });
  expect(await file.write(request("k3", ["b"]))).toMatchObject({ status: "written" });
  expect(await count()).toBe(2);
});

test("close waits for everything that was called before it, also what has not been sent yet", async () => {
  const writes = Array.from({ length: 500 }, (_, index) => file.write(request(`k${index}`, [`e${index}`])));
  const counted = file.transact((tx) => tx.all("SELECT count(*) FROM events")[0]?.[0]);
  const batch = writeBatch([{ file, request: request("batch", ["b"]) }]);
  const read = file.all("SELECT 1");
  expect(file.stats().queued).toBe(502);
  await file.close();
  expect(file.stats().queued).toBe(0);
  expect((await Promise.allSettled(writes)).filter(({ status }) => status === "rejected")).toEqual([]);
  expect([await counted, await batch, await read]).toMatchObject([501, [{ status: "written" }], [[1]]]);
  file = await open("a.db");
  expect(await count()).toBe(501);
});

test("close waits for a thread that is being started again, and for what goes to it then", async () => {
  const fatal = request("k1", [], { statements: [], interactive: callProcedure(endThread, null) });
  await expect(file.write(fatal)).rejects.toMatchObject({ code: "io" });
  const answers = [file.write(request("k2", ["a"])), writeBatch([{ file, request: request("k3", ["b"]) }])];
  await file.close();
  expect(await Promise.all(answers)).toMatchObject([{ status: "written" }, [{ status: "written" }]]);
  await expect(file.write(request("k4", ["c"]))).rejects.toMatchObject({ code: "closed" });
});

test("values that cannot be sent, closed files and missing entries are told plainly", async () => {
  const odd = request("k", [], { statements: [{ table: "events", columns: ["body"], rows: [[(() => 1) as never]] }] });
  await expect(file.write(odd)).rejects.toMatchObject({ code: "invalid_parameter" });
  await file.close();
  await expect(file.write(request("k", ["a"]))).rejects.toMatchObject({ code: "closed" });
  await expect(file.all("SELECT 1")).rejects.toMatchObject({ code: "closed" });
  await expect(createStorageThread({ file: join(folder, "none.mjs") })).rejects.toMatchObject({ code: "thread_unavailable" });
  await expect(createStorageThread({ file: bundle.path, execArgv: ["--no-such-flag"] })).rejects.toMatchObject({
    code: "thread_unavailable",
  });
});

test("what waits for the answer does not hold the rows: they are free while the disk is busy", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const busy = file.all("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000000) SELECT max(i) FROM n");
  await new Promise((resolve) => setImmediate(resolve));
  const begin = () => {
    const body = new Uint8Array(8);
    const statements = [{ table: "events", columns: ["project", "id", "body"], rows: [["p1", "a", body]], onConflict: "ignore" as const }];
    return { held: new WeakRef(body), written: writeBatch([{ file, request: request("k1", [], { statements }) }]) };
  };
  const { held, written } = begin();
  let isAnswered = false;
  void written.then(() => {
    isAnswered = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  collect();
  expect([isAnswered, held.deref()]).toEqual([false, undefined]);
  expect(await written).toMatchObject([{ status: "written", inserted: 1 }]);
  await busy;
});
