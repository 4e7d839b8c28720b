// libSQL files: grouped writes, synchronous reads, copies, restore, health.
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqliteTable, text } from "drizzle-orm/sqlite-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { holdWriteLock } from "../engine/testing/lock-holder.ts";
import { drizzle } from "../sqlite/drizzle.ts";
import { openFile } from "./open-file.ts";
import { restoreFile } from "./restore.ts";
import type { StorageFile } from "./types.ts";

const migrations = [{ version: 1, name: "kv", statements: ["CREATE TABLE kv (k TEXT PRIMARY KEY, v BLOB)"] }];
const kind = 0x43555045;

let folder: string;
let file: StorageFile;
const open = (options = {}) => openFile({ path: join(folder, "a.db"), kind, migrations, ...options });
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "cuitty-file-"));
  file = await open();
});
afterEach(async () => {
  await file.close();
  rmSync(folder, { recursive: true, force: true });
});
const put = (key: string, value: string) => () => file.prepare("INSERT OR REPLACE INTO kv VALUES (?, ?)").run([key, value]).changes;
const get = (key: string) => file.get("SELECT v FROM kv WHERE k = ?", [key])?.[0];

test("writes of one turn share a commit and reads see them after it", async () => {
  const writes = Array.from({ length: 100 }, (_, index) => file.write(put(`k${index}`, "v")));
  expect(file.all("SELECT count(*) FROM kv")).toEqual([[0]]);
  expect(file.stats().queued).toBe(100);
  expect(await Promise.all(writes)).toEqual(new Array(100).fill(1));
  expect(file.stats()).toMatchObject({ commits: 1, rows: 100, groupSize: 100, queued: 0 });
  expect(get("k99")).toBe("v");
});

test("close finishes what is queued, and refuses everything afterwards", async () => {
  const queued = [file.write(put("a", "1")), file.write(() => get("a")), file.write(() => file.all("SELECT k FROM kv"))];
  const closing = file.close();
  const late = file.write(put("b", "1"));
  await expect(late).rejects.toMatchObject({ code: "closed" });
  expect(await Promise.all(queued)).toEqual([1, "1", [["a"]]]);
  await closing;
  expect(() => get("a")).toThrow(expect.objectContaining({ code: "closed" }));
  file = await open();
  expect(file.all("SELECT k FROM kv")).toEqual([["a"]]);
});

test("a body that throws rejects with its own error and its neighbours stay", async () => {
  const failure = new Error("mine");
  const results = await Promise.allSettled([
    file.write(put("a", "1")),
    file.write(() => {
      put("b", "1")();
      throw failure;
    }),
    file.write(put("c", "1")),
    file.write(() => file.driver.exec("COMMIT")),
    file.write(put("d", "1")),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"]);
  expect((results[1] as PromiseRejectedResult).reason).toBe(failure);
  expect(file.all("SELECT k FROM kv ORDER BY k")).toEqual([["a"], ["c"], ["d"]]);
  expect(file.driver.inTransaction).toBe(false);
});

test("an async body is refused and rolled back, also one that rejects later or a query that nobody ran", async () => {
  const kv = sqliteTable("kv", { k: text("k") });
  const results = await Promise.allSettled([
    file.write(put("a", "1")),
    file.write(async () => {
      put("b", "1")();
      await Promise.resolve();
      throw new Error("later");
    }),
    file.write(() => drizzle(file.driver).insert(kv).values({ k: "query" })),
    file.write(put("c", "1")),
  ]);
  expect(results.map((result) => (result.status === "rejected" ? (result.reason as { code: string }).code : "written"))).toEqual([
    "written",
    "async_transaction",
    "async_transaction",
    "written",
  ]);
  expect(file.all("SELECT k FROM kv ORDER BY k")).toEqual([["a"], ["c"]]);
});

test.each([undefined, null, 0, "text"])("a body that throws %j rejects with just that", async (thrown) => {
  const fail = () => {
    put("a", "1")();
    throw thrown;
  };
  expect(await Promise.allSettled([file.write(fail), file.write(put("b", "1")), file.write(fail, { alone: true })])).toEqual([
    { status: "rejected", reason: thrown },
    { status: "fulfilled", value: 1 },
    { status: "rejected", reason: thrown },
  ]);
  expect(file.all("SELECT k FROM kv")).toEqual([["b"]]);
});

test("while an asynchronous Drizzle transaction is open, reads see committed rows, and writes wait for it as for a lock", async () => {
  const db = drizzle(file.driver);
  const hold = (ms: number) =>
    db.transaction(async () => {
      put("theirs", "1")();
      await new Promise((resolve) => setTimeout(resolve, ms));
    });
  const short = hold(50);
  expect([file.all("SELECT k FROM kv"), get("theirs")]).toEqual([[], undefined]);
  expect(file.get("PRAGMA application_id")).toEqual([kind]);
  expect(await Promise.all([file.write(put("a", "1")), file.write(put("b", "1"), { alone: true })])).toEqual([1, 1]);
  await short;
  expect(file.all("SELECT k FROM kv ORDER BY k")).toEqual([["a"], ["b"], ["theirs"]]);

  const long = hold(600);
  await expect(file.write(put("c", "1"))).rejects.toMatchObject({
    code: "busy",
    retryable: true,
    message: expect.stringContaining("driver"),
  });
  await long;
  expect(get("c")).toBeUndefined();
  await file.write(put("c", "1"));
});

test("commit listeners hear of each commit once", async () => {
  let commits = 0;
  const stop = file.onCommit(() => commits++);
  await Promise.all([file.write(put("a", "1")), file.write(put("b", "1"))]);
  expect(commits).toBe(1);
  stop();
  await file.write(put("c", "1"));
  expect(commits).toBe(1);
});

test("a write waits for a short foreign lock without blocking, and its row survives closing", async () => {
  const holder = await holdWriteLock(file.path);
  const write = file.write(put("a", "1"));
  setTimeout(() => holder.release(), 50);
  await write;
  await file.close();
  file = await open();
  expect(get("a")).toBe("1");
});

test("an open waits for the lock of a process that migrates", async () => {
  await file.close();
  const path = join(folder, "b.db");
  const first = await openFile({ path, kind });
  await first.close();
  const holder = await holdWriteLock(path, "CREATE TABLE theirs (x)");
  setTimeout(() => holder.release(), 150);
  file = await openFile({ path, kind, migrations });
  expect(file.all("SELECT count(*) FROM kv")).toEqual([[0]]);
});

test("a file whose schema is kept by somebody else opens without a list of migrations, also again", async () => {
  const path = file.path;
  await file.write(put("a", "1"));
  await file.close();
  file = await openFile({ path, kind });
  expect(file.all("SELECT count(*) FROM kv")).toEqual([[1]]);
});

test("the doctor reports engine, version, size, WAL and integrity", async () => {
  await file.write(put("a", "x".repeat(10_000)));
  const report = await file.doctor();
  expect(report).toMatchObject({
    engine: "libsql",
    journalMode: "wal",
    synchronous: "FULL",
    foreignKeys: true,
    applicationId: kind,
    userVersion: 1,
    problems: [],
  });
  expect(report.sqliteVersion).toMatch(/^3\.\d+\.\d+$/);
  expect(report.sizeBytes + report.walBytes).toBeGreaterThan(10_000);
  expect(report.notes.join()).toContain("WAL-reset");
});

test("the doctor names damage and broken references", async () => {
  file.driver.exec("PRAGMA foreign_keys = OFF; CREATE TABLE child (k TEXT REFERENCES kv (k)); INSERT INTO child VALUES ('none')");
  expect((await file.doctor()).problems).toEqual(["row 1 of child references a missing row of kv"]);
});

test("a backup replaces a file by restore, what stood there is kept, and a damaged backup touches nothing", async () => {
  await file.write(put("a", "old"));
  const backup = join(folder, "backup.db");
  await file.backup(backup);
  await file.write(put("a", "new"));
  await file.close();
  const damaged = join(folder, "damaged.db");
  const bytes = readFileSync(backup);
  bytes.fill(0xff, 4096, 4200);
  writeFileSync(damaged, bytes);
  expect(() => restoreFile(damaged, join(folder, "a.db"))).toThrow(expect.objectContaining({ code: "corrupt" }));
  const kept = restoreFile(backup, join(folder, "a.db"));
  file = await open();
  expect(get("a")).toBe("old");
  const replaced = await openFile({ path: kept as string, kind, migrations });
  expect(replaced.get("SELECT v FROM kv")).toEqual(["new"]);
  await replaced.close();
  expect(existsSync(`${backup}-wal`)).toBe(false);
});

test("a backup that is cut, empty, no database, of another kind or not there touches nothing", async () => {
  const target = join(folder, "a.db");
  await file.write(put("a", "kept"));
  await file.backup(join(folder, "backup.db"));
  await file.close();
  const bytes = readFileSync(join(folder, "backup.db"));
  const before = readdirSync(folder);
  for (const damaged of [
    bytes.subarray(0, -1),
    bytes.subarray(0, -4096),
    bytes.subarray(0, 0),
    Buffer.concat([bytes, Buffer.from("x")]),
    Buffer.from("text"),
  ]) {
    const path = join(folder, "damaged.db");
    writeFileSync(path, damaged);
    expect(() => restoreFile(path, target)).toThrow(expect.objectContaining({ code: "corrupt", details: { path } }));
    rmSync(path);
  }
  const other = await openFile({ path: join(folder, "other.db"), kind: "system", migrations });
  await other.backup(join(folder, "system-backup.db"));
  await other.close();
  const wrongKind = { code: "file_kind_mismatch", details: { expected: "0x43555045", found: "system" } };
  expect(() => restoreFile(join(folder, "system-backup.db"), target)).toThrow(
    expect.objectContaining({ ...wrongKind, details: expect.objectContaining(wrongKind.details) }),
  );
  const missing = join(folder, "missing.db");
  expect(() => restoreFile(missing, target)).toThrow(expect.objectContaining({ code: "io", message: expect.stringContaining(missing) }));
  rmSync(join(folder, "system-backup.db"));
  expect(readdirSync(folder).filter((name) => !name.startsWith("other.db"))).toEqual(before);
  file = await open();
  expect(get("a")).toBe("kept");
});

test("neither a file that is open here is replaced nor one taken for a backup", async () => {
  await file.write(put("a", "1"));
  const backup = join(folder, "backup.db");
  await file.backup(backup);
  expect(() => restoreFile(backup, file.path)).toThrow(expect.objectContaining({ code: "busy", retryable: true }));
  expect(() => restoreFile(file.path, join(folder, "b.db"))).toThrow(expect.objectContaining({ code: "busy" }));
  await file.write(put("b", "2"));
  expect(readdirSync(folder).filter((name) => /partial|replaced/.test(name))).toEqual([]);
  await file.close();
  expect(restoreFile(backup, join(folder, "a.db"))).toBeDefined();
  file = await open();
  expect([get("a"), get("b")]).toEqual(["1", undefined]);
});

test("what lies in the log beside a backup is restored with it", async () => {
  await file.write(put("a", "in the log"));
  const copy = join(folder, "copy.db");
  for (const suffix of ["", "-wal"]) copyFileSync(file.path + suffix, copy + suffix);
  expect(statSync(`${copy}-wal`).size).toBeGreaterThan(0);
  await file.close();
  restoreFile(copy, join(folder, "fresh.db"));
  const restored = await openFile({ path: join(folder, "fresh.db"), kind, migrations });
  expect(restored.get("SELECT v FROM kv")).toEqual(["in the log"]);
  await restored.close();
});

test("a restore into an empty place keeps nothing", async () => {
  await file.write(put("a", "1"));
  await file.backup(join(folder, "backup.db"));
  expect(restoreFile(join(folder, "backup.db"), join(folder, "fresh.db"))).toBeUndefined();
  expect(statSync(join(folder, "fresh.db")).size).toBeGreaterThan(0);
});

test("wrong options and wrong kinds are refused", async () => {
  await expect(open({ busyTimeoutMs: -1 })).rejects.toMatchObject({ code: "invalid_option" });
  await expect(open({ synchronous: "MAYBE" })).rejects.toMatchObject({ code: "invalid_option" });
  await expect(open({ cacheKiB: 0 })).rejects.toMatchObject({ code: "invalid_option" });
  await expect(open({ checkpointPages: 1.5 })).rejects.toMatchObject({ code: "invalid_option" });
  for (const wrong of [
    { cacheKiB: 2 ** 31 },
    { checkpointPages: 2 ** 31 },
    { isOwned: "yes" },
    { kind: "modul" },
    { kind: "toString" },
    { kind: 2 ** 40 },
    { kind: 1.5 },
    { path: "" },
    { path: "a\0b" },
    { path: 5 },
    { path: undefined },
  ]) {
    await expect(open(wrong), JSON.stringify(wrong)).rejects.toMatchObject({ code: "invalid_option" });
  }
  await expect(open({ busyTimeout: 5 })).rejects.toMatchObject({ code: "unknown_option", message: expect.stringContaining("busyTimeout") });
  const largest = await openFile({ path: join(folder, "largest.db"), cacheKiB: 2 ** 31 - 1, checkpointPages: 2 ** 31 - 1 });
  expect([largest.get("PRAGMA cache_size"), largest.get("PRAGMA wal_autocheckpoint")]).toEqual([[1 - 2 ** 31], [2 ** 31 - 1]]);
  await largest.close();
  await expect(open({ kind: "system" })).rejects.toMatchObject({ code: "file_kind_mismatch" });
});

test("an owned file writes single statements by themselves; a lock all the same is busy, loses nothing and keeps the settings", async () => {
  const path = join(folder, "owned.db");
  const owned = await openFile({ path, kind, migrations, isOwned: true, cacheKiB: 1_024, checkpointPages: 77 });
  const insert = owned.prepare("INSERT INTO kv VALUES (?, ?)");
  const settings = () => [owned.get("PRAGMA cache_size"), owned.get("PRAGMA wal_autocheckpoint"), owned.get("PRAGMA synchronous")];
  const asked = settings();
  expect(asked).toEqual([[-1_024], [77], [2]]);
  insert.run(["a", "1"]);
  expect(owned.driver.inTransaction).toBe(false);

  const holder = await holdWriteLock(path, "INSERT INTO kv VALUES ('theirs', '2')");
  expect(() => insert.run(["lost?", "x"])).toThrow(expect.objectContaining({ code: "busy" }));
  expect(() => insert.run(["lost?", "x"])).toThrow(expect.objectContaining({ code: "busy" }));
  await holder.release();
  insert.run(["b", "3"]);
  expect(() => insert.run(["b", "again"])).toThrow(expect.objectContaining({ code: "constraint" }));
  expect(await owned.write(() => insert.run(["c", "4"]).changes)).toBe(1);
  expect(settings()).toEqual(asked);
  await owned.close();

  const again = await openFile({ path, kind, migrations });
  expect(again.all("SELECT k FROM kv ORDER BY k")).toEqual([["a"], ["b"], ["c"], ["theirs"]]);
  await again.close();
});

test("an open with FULL raises a shared connection to FULL", async () => {
  const path = join(folder, "level.db");
  const normal = await openFile({ path, kind, synchronous: "NORMAL" });
  expect(normal.get("PRAGMA synchronous")).toEqual([1]);
  const full = await openFile({ path, kind });
  expect(normal.get("PRAGMA synchronous")).toEqual([2]);
  await Promise.all([normal.close(), full.close()]);
});

test("doctor names stored text that is no UTF-8, in tables with a row id and without, after pages of good text", async () => {
  file.driver.exec("CREATE TABLE words (word TEXT, n INT, note TEXT, PRIMARY KEY (word, n)) WITHOUT ROWID");
  file.driver.exec("CREATE TABLE hidden (rowid TEXT, v TEXT)");
  file.driver.exec(
    "WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 2500) INSERT INTO words SELECT 'é' || i, i, 'ü' FROM c",
  );
  file.driver.exec("INSERT INTO hidden VALUES ('é', 'ASCII'), ('x', '日本\u{1f600}'), ('y', x'ff')");
  expect((await file.doctor()).problems).toEqual([]);
  file.driver.exec("UPDATE words SET note = CAST(x'61ff62' AS TEXT) WHERE n = 2400");
  file.driver.exec("INSERT INTO hidden VALUES ('z', CAST(x'c3' AS TEXT))");
  file.driver.exec("INSERT INTO kv VALUES (CAST(x'80' AS TEXT), 1)");
  expect([...(await file.doctor()).problems].sort()).toEqual([
    "the text of k in row 1 of kv is no UTF-8",
    "the text of note in row é2400, 2400 of words is no UTF-8",
    "the text of v in row 4 of hidden is no UTF-8",
  ]);
  file.driver.exec("UPDATE words SET note = CAST(x'ff' AS TEXT)");
  expect((await file.doctor()).problems).toHaveLength(20);
});
