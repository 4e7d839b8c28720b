// Paths that are none, that lead nowhere, or that cannot be made: each a CuittyError, by every way in.
import { lstatSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openFile } from "../file/open-file.ts";
import { openModuleFile } from "../module-file/open-module-file.ts";
import { createTenantPool } from "../sqlite/tenant-pool.ts";
import { makeFolder } from "./file-path.ts";
import { isHonkerInstalled } from "./honker-native.ts";
import { open } from "./open.ts";
import { acquireOwnerLease } from "./owner-lease.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cuitty-path-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Each way to open a path, closed again at once. */
const ways: [string, (path: string) => Promise<void>][] = [
  ["open on libsql", async (path) => open(path, { engine: "libsql" }).close()],
  ["openFile", async (path) => (await openFile({ path })).close()],
  ["openModuleFile", async (location) => (await openModuleFile({ location, migrations: [] })).close()],
];
if (isHonkerInstalled()) ways.push(["open on honker", async (path) => open(path, { engine: "honker" }).close()]);

describe.each(ways)("%s", (name, openAt) => {
  test("a link to nothing makes the file that it names, through links and folders", async () => {
    mkdirSync(join(folder, "real"));
    symlinkSync(join(folder, "real"), join(folder, "linked"));
    symlinkSync("second.db", join(folder, "first.db"));
    symlinkSync("linked/third.db", join(folder, "second.db"));
    await openAt(join(folder, "first.db"));
    expect(statSync(join(folder, "real/third.db")).mode & 0o777).toBe(0o600);
    expect(lstatSync(join(folder, "first.db")).isSymbolicLink()).toBe(true);
  });

  test("a link into a folder that is not there, and a circle of links, are io", async () => {
    symlinkSync("none/a.db", join(folder, "first.db"));
    await expect(openAt(join(folder, "first.db"))).rejects.toMatchObject({ code: "io", details: { path: join(folder, "none/a.db") } });
    symlinkSync("b.db", join(folder, "a.db"));
    symlinkSync("a.db", join(folder, "b.db"));
    await expect(openAt(join(folder, "a.db"))).rejects.toMatchObject({ code: "io", details: { code: "ELOOP" } });
  });

  test("a file below a file is io", async () => {
    writeFileSync(join(folder, "file"), "");
    await expect(openAt(join(folder, "file/a.db"))).rejects.toMatchObject({ code: "io" });
  });

  test("a URL is unsupported_location that says what to use", async () => {
    const url = pathToFileURL(join(folder, "a.db")).href;
    for (const form of [url, "file:a.db", "FILE:///a.db"]) {
      await expect(openAt(form)).rejects.toMatchObject({ code: "unsupported_location", message: expect.stringMatching(/path/) });
    }
    if (name === "openModuleFile") return;
    for (const form of ["libsql://a.turso.io", "http://localhost:8080", "https://a/b", "wss://a"]) {
      await expect(openAt(form)).rejects.toMatchObject({ code: "unsupported_location", message: expect.stringMatching(/openModuleFile/) });
    }
  });
});

test.skipIf(process.platform !== "linux")("a folder that a file system refuses with ENOENT is io, and no endless loop", async () => {
  expect(() => makeFolder("/proc/x/y")).toThrow(expect.objectContaining({ code: "io" }));
  await expect(acquireOwnerLease("/proc/x")).rejects.toMatchObject({ code: "io", details: { path: "/proc/x" } });
  const pool = createTenantPool({ folder: "/proc/x" });
  await expect(pool.use("acme", () => 1)).rejects.toMatchObject({ code: "io" });
  await pool.close();
});

test("folders are made with those above them, private to their owner, and are no files", () => {
  makeFolder(join(folder, "a/b/c"));
  makeFolder(join(folder, "a/b/c"));
  expect([statSync(join(folder, "a")).mode & 0o777, statSync(join(folder, "a/b/c")).mode & 0o777]).toEqual([0o700, 0o700]);
  writeFileSync(join(folder, "file"), "");
  expect(() => makeFolder(join(folder, "file"))).toThrow(expect.objectContaining({ code: "io" }));
  expect(() => makeFolder(join(folder, "file/a"))).toThrow(expect.objectContaining({ code: "io" }));
});
