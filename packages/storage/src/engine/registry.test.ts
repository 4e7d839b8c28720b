// One file, one SQLite library in a process: through symlinks, hard links, a second copy of this package and worker threads.
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { isHonkerInstalled } from "./honker-native.ts";
import { openHonker, openLibsql } from "./open-driver.ts";
import { claimFile } from "./registry.ts";

const other = { engine: "honker", library: "/other/library" } as const;
const owner = Symbol("test");

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cuitty-registry-"));
  path = join(folder, "a.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A second copy of the package: its own bundle, inside the repository so that it finds the native packages. */
let copies: string;
let copy: string;
beforeAll(async () => {
  mkdirSync(join(import.meta.dirname, "../../.tmp"), { recursive: true });
  copies = mkdtempSync(join(import.meta.dirname, "../../.tmp/copy-"));
  copy = join(copies, "storage.mjs");
  const contents = `export { claimFile } from "./registry.ts"; export { openLibsql } from "./open-driver.ts";`;
  const stdin = { contents, resolveDir: import.meta.dirname, loader: "ts" } as const;
  await build({ stdin, outfile: copy, bundle: true, format: "esm", platform: "node", conditions: ["@cuitty/source"] });
});
afterAll(() => rmSync(copies, { recursive: true, force: true }));

/** Runs an expression over the second copy in a worker thread; answers its value or "<code>: <message>". */
function inWorker(expression: string): { answer: Promise<string>; end: () => Promise<number> } {
  const text = `const { parentPort } = require("node:worker_threads"); setInterval(() => {}, 1000);
    import(${JSON.stringify(pathToFileURL(copy).href)}).then(({ claimFile, openLibsql }) => {
      try { parentPort.postMessage(String(${expression})); } catch (error) { parentPort.postMessage(error.code + ": " + error.message); }
    });`;
  const worker = new Worker(text, { eval: true });
  const answer = new Promise<string>((done, failed) => worker.once("message", done).once("error", failed));
  return { answer, end: () => worker.terminate() };
}
const claimOther = () => `claimFile(${JSON.stringify(path)}, ${JSON.stringify(other)}, Symbol()).path`;

test("a second engine is refused with an error that names both", () => {
  const driver = openLibsql(path);
  expect(() => claimFile(path, other, owner)).toThrow(/open in this process with the libsql engine and cannot be opened with honker/);
  expect(() => claimFile(path, other, owner)).toThrow(
    expect.objectContaining({ code: "engine_conflict", details: expect.objectContaining({ open: "libsql", wanted: "honker" }) }),
  );
  driver.close();
});

test("a symlink, a hard link and a relative path lead to the same file", () => {
  const driver = openLibsql(path);
  symlinkSync(path, join(folder, "link.db"));
  linkSync(path, join(folder, "hard.db"));
  for (const name of ["link.db", "hard.db", "./../" + folder.split("/").pop() + "/a.db"]) {
    expect(() => claimFile(join(folder, name), other, owner), name).toThrow(/engine_conflict|cannot be opened/);
  }
  const second = openLibsql(join(folder, "link.db"));
  expect(second.path).toBe(driver.path);
  second.exec("CREATE TABLE t (v)");
  second.close();
  expect(driver.prepare("SELECT count(*) FROM t").get()).toEqual([0]);
  driver.close();
});

test("a second copy of one engine's library is a second library", () => {
  const driver = openLibsql(path);
  expect(() => claimFile(path, { engine: "libsql", library: "/elsewhere/node_modules/libsql" }, owner)).toThrow(
    /another copy of the library/,
  );
  driver.close();
});

test("after closing, the file stays with libSQL while its descriptors are open", () => {
  const driver = openLibsql(path);
  driver.exec("CREATE TABLE t (v)");
  driver.close();
  // The binding closes descriptors at garbage collection; a lock taken by another library before that would be dropped.
  expect(() => claimFile(path, other, owner)).toThrow(/engine_conflict|cannot be opened/);
  openLibsql(path).close();
});

test("a worker thread with another copy of the package is refused, and may use the same engine", async () => {
  const driver = openLibsql(path);
  driver.exec("CREATE TABLE t (v)");
  const refused = inWorker(claimOther());
  expect(await refused.answer).toMatch(/^engine_conflict: .*libsql engine.*honker/);
  await refused.end();
  const allowed = inWorker(`openLibsql(${JSON.stringify(path)}).prepare("INSERT INTO t VALUES (1) RETURNING v").get()`);
  expect(await allowed.answer).toBe("1");
  await allowed.end();
  expect(driver.prepare("SELECT v FROM t").all()).toEqual([[1]]);
  driver.close();
});

test("a file that a worker thread has open is refused to another engine here", async () => {
  const worker = inWorker(`openLibsql(${JSON.stringify(path)}).sqliteVersion`);
  expect(await worker.answer).toMatch(/^3\./);
  expect(() => claimFile(path, other, owner)).toThrow(/libsql engine/);
  openLibsql(path).close();
  await worker.end();
});

test.runIf(process.platform === "linux")("a marker of a thread that ended without closing does not keep the file", async () => {
  const worker = inWorker(claimOther());
  expect(await worker.answer).toBe(path);
  await worker.end();
  openLibsql(path).close();
});

test.runIf(isHonkerInstalled())("the real engines refuse each other, and Honker gives a closed file free at once", () => {
  const { driver: honker } = openHonker(path);
  expect(() => openLibsql(path)).toThrow(
    expect.objectContaining({ code: "engine_conflict", details: expect.objectContaining({ open: "honker", wanted: "libsql" }) }),
  );
  honker.exec("CREATE TABLE t (v); INSERT INTO t VALUES (1)");
  honker.close();
  const libsql = openLibsql(path);
  expect(libsql.prepare("SELECT v FROM t").all()).toEqual([[1]]);
  expect(() => openHonker(path)).toThrow(expect.objectContaining({ code: "engine_conflict" }));
  libsql.close();
});

test("a claim ends with its last handle", () => {
  const first = claimFile(path, other, owner);
  const second = claimFile(path, other, owner);
  first.share("handle");
  expect(claimFile(path, other, owner).shared).toBe("handle");
  expect(second.isLast()).toBe(false);
  first.release();
  first.release();
  second.release();
  expect(() => openLibsql(path)).toThrow(/cannot be opened/);
});
