// One damaged byte in what a file says of its tables: `corrupt` at open, on every engine and by every way in.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openFile } from "../file/open-file.ts";
import { migrationChecksum } from "../migrate/checksum.ts";
import { openModuleFile } from "../module-file/open-module-file.ts";
import { open } from "./open.ts";
import { openLibsql } from "./open-driver.ts";

const migrations = [
  { version: 1, name: "first", statements: ["CREATE TABLE tabname (colname INTEGER)", "CREATE INDEX idxname ON tabname (colname)"] },
];

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cuitty-damaged-"));
  path = join(folder, "a.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Overwrites a byte of each place where the text stands. */
function damage(text: string): void {
  const bytes = readFileSync(path);
  for (let at = bytes.indexOf(text); at !== -1; at = bytes.indexOf(text, at + 1)) bytes[at + 1] = 0xff;
  writeFileSync(path, bytes);
}

describe.each(["tabname", "colname", "idxname", "INTEGER", "CREATE INDEX"])("in %s", (text) => {
  beforeEach(async () => {
    const file = await openFile({ path, migrations });
    await file.close();
    damage(text);
  });

  test("openLibsql and open", () => {
    expect(() => openLibsql(path)).toThrow(expect.objectContaining({ code: "corrupt" }));
    expect(() => open(path, { engine: "libsql" })).toThrow(expect.objectContaining({ code: "corrupt" }));
  });

  test("openFile and openModuleFile", async () => {
    await expect(openFile({ path, migrations })).rejects.toMatchObject({ code: "corrupt", details: { path } });
    await expect(openModuleFile({ location: path, migrations })).rejects.toMatchObject({ code: "corrupt" });
  });
});

test("in the checksum of a migration: migration_changed", async () => {
  const file = await openFile({ path, migrations });
  await file.close();
  damage(migrationChecksum(migrations[0]!));
  await expect(openFile({ path, migrations })).rejects.toMatchObject({ code: "migration_changed" });
});

test("names beyond ASCII, and a file in UTF-16, are no damage", () => {
  const driver = openLibsql(path);
  driver.exec('PRAGMA encoding = "UTF-16le"; CREATE TABLE "täblé😀" (ö); INSERT INTO "täblé😀" VALUES (1)');
  driver.close();
  const again = openLibsql(path);
  expect(again.prepare('SELECT ö FROM "täblé😀"').get()).toEqual([1]);
  expect(again.prepare("PRAGMA encoding").get()).toEqual(["UTF-16le"]);
  again.close();
  const other = openLibsql(join(folder, "b.db"));
  other.exec('CREATE TABLE "täblé😀" (ö)');
  other.close();
  openLibsql(join(folder, "b.db")).close();
});
