// Migrations are forward only, whole or not at all, never delete child rows, and refuse files they do not understand.
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Driver } from "../engine/driver.ts";
import type { Migration } from "../module-file/types.ts";
import { engines, type TestFiles, testFiles } from "../sqlite/testing/drivers.ts";
import { migrationChecksum } from "./checksum.ts";
import { applyMigrations } from "./migrate.ts";
import { systemMigrations } from "./system-migrations.ts";
import { tenantMigrations } from "./tenant-migrations.ts";

let files: TestFiles;
beforeEach(() => {
  files = testFiles();
});
afterEach(() => files.remove());

const first: Migration = {
  version: 1,
  name: "first",
  statements: [
    "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT)",
    "CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL REFERENCES parent (id) ON DELETE CASCADE)",
  ],
};
const rebuild: Migration = {
  version: 2,
  name: "rebuild_parent",
  rebuild: true,
  statements: [
    "CREATE TABLE parent_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT '')",
    "INSERT INTO parent_new SELECT id, coalesce(name, '') FROM parent",
    "DROP TABLE parent",
    "ALTER TABLE parent_new RENAME TO parent",
  ],
};
const column: Migration = { version: 2, name: "add_column", statements: ["ALTER TABLE parent ADD COLUMN age INTEGER"] };

const count = (driver: Driver, table: string) => driver.prepare(`SELECT count(*) FROM ${table}`).get()?.[0];
const pragma = (driver: Driver, name: string) => driver.prepare(`PRAGMA ${name}`).get()?.[0];
const migrate = (driver: Driver, ...migrations: Migration[]) => applyMigrations(driver, { kind: "module", migrations });

function withRows(driver: Driver): void {
  driver.exec("INSERT INTO parent (id, name) VALUES (1, 'a'), (2, NULL)");
  driver.exec("INSERT INTO child (id, parent_id) VALUES (10, 1), (11, 2), (12, 2)");
}

test("released migrations have the content they were released with", () => {
  // A changed line here means a changed released migration: add a new one instead.
  const checksums = Object.fromEntries(
    [...systemMigrations, ...tenantMigrations].map((migration) => [migration.name, migrationChecksum(migration)]),
  );
  expect(checksums).toEqual({
    identity: "e4b729f2ba7b6f766230583cb2b87d217e3f7cd04824b959528b757532a4ea9e",
    metagraph: "5e39ebc3a01ddc5ab228be63479ad419af33c71c801e7ffd2180820ae95b1b73",
  });
});

test("indentation does not change a checksum, content does", () => {
  const other = { ...first, statements: first.statements.map((statement) => `\n    ${statement.replaceAll(", ", ", ")}\n`) };
  expect(migrationChecksum(other)).toBe(migrationChecksum(first));
  expect(migrationChecksum({ ...first, statements: [...first.statements, "SELECT 1"] })).not.toBe(migrationChecksum(first));
  expect(migrationChecksum({ ...first, rebuild: true })).not.toBe(migrationChecksum(first));
});

describe.each(engines)("migrations on %s", (engine) => {
  test("a new file gets everything, a current one nothing", () => {
    const driver = files.open(engine);
    expect(migrate(driver, first, column)).toEqual({ applied: [1, 2], version: 2, backups: [] });
    expect(migrate(driver, first, column)).toEqual({ applied: [], version: 2, backups: [] });
    expect(pragma(driver, "user_version")).toBe(2);
    expect(driver.prepare("SELECT version, name FROM _cuitty_migrations ORDER BY version").all()).toEqual([
      [1, "first"],
      [2, "add_column"],
    ]);
  });

  test("a migration that fails in its last statement leaves schema, ledger and version as they were", () => {
    const driver = files.open(engine);
    migrate(driver, first);
    const broken = { ...column, statements: [...column.statements, "INSERT INTO no_such_table VALUES (1)"] };
    expect(() => migrate(driver, first, broken)).toThrow(
      expect.objectContaining({ code: "migration_failed", details: expect.objectContaining({ version: 2 }) }),
    );
    expect(driver.inTransaction).toBe(false);
    expect(pragma(driver, "user_version")).toBe(1);
    expect(driver.prepare("PRAGMA table_info(parent)").all()).toHaveLength(2);
    expect(migrate(driver, first, column).applied).toEqual([2]);
  });

  test("a changed migration, a newer file and a gap are refused, and the file is not touched", () => {
    const driver = files.open(engine);
    migrate(driver, first, column);
    const changed = { ...first, statements: [...first.statements, "SELECT 1"] };
    expect(() => migrate(driver, changed, column)).toThrow(expect.objectContaining({ code: "migration_changed" }));
    expect(() => migrate(driver, first)).toThrow(
      expect.objectContaining({ code: "file_newer", details: expect.objectContaining({ known: 1 }) }),
    );
    expect(() => migrate(driver, first, { ...column, version: 3 })).toThrow(expect.objectContaining({ code: "migration_failed" }));
    driver.exec("DELETE FROM _cuitty_migrations WHERE version = 1");
    expect(() => migrate(driver, first, column)).toThrow(expect.objectContaining({ code: "migration_failed" }));
  });

  test("statements that move the transaction are refused before any is run, and a trigger's END is none", () => {
    const driver = files.open(engine);
    for (const statement of ["commit", "/* x */ END; ", "CREATE TABLE y (a); begin immediate", "SAVEPOINT s", "-- x\nROLLBACK"]) {
      const moving = { version: 2, name: "moving", statements: ["CREATE TABLE x (a)", statement] };
      expect(() => migrate(driver, first, moving)).toThrow(
        expect.objectContaining({ code: "migration_failed", message: expect.stringContaining("nothing was changed") }),
      );
    }
    expect(driver.prepare("SELECT name FROM sqlite_master WHERE name IN ('x', 'y', 'parent')").all()).toEqual([]);
    const trigger = "CREATE TABLE x (a); CREATE TRIGGER xt AFTER INSERT ON x BEGIN SELECT CASE WHEN 1 THEN 1 END; END; CREATE TABLE y (b)";
    migrate(driver, first, { version: 2, name: "trigger", statements: [trigger] });
    expect(count(driver, "y")).toBe(0);
  });

  test.each([
    ["no list", {}],
    ["an empty place", [undefined]],
    ["no name", [{ version: 1, statements: [] }]],
    ["no statements", [{ version: 1, name: "x" }]],
    ["statements that are none", [{ version: 1, name: "x", statements: [5] }]],
  ])("a malformed list is refused as one: %s", (_, migrations) => {
    const apply = () => applyMigrations(files.open(engine), { kind: "module", migrations: migrations as never });
    expect(apply).toThrow(expect.objectContaining({ code: "migration_failed" }));
  });

  test("a file of one kind is not opened as another, whichever came first", () => {
    const driver = files.open(engine);
    applyMigrations(driver, { kind: "system", migrations: systemMigrations });
    const error = expect.objectContaining({
      code: "file_kind_mismatch",
      details: expect.objectContaining({ expected: "tenant", found: "system" }),
    });
    expect(() => applyMigrations(driver, { kind: "tenant", migrations: tenantMigrations })).toThrow(error);
    expect(() => applyMigrations(driver, { kind: 0x12345678, migrations: [] })).toThrow(
      expect.objectContaining({ code: "file_kind_mismatch" }),
    );
  });

  test("a rebuild keeps every child row, checks references and leaves foreign keys on", () => {
    const driver = files.open(engine);
    migrate(driver, first);
    withRows(driver);
    migrate(driver, first, rebuild);
    expect(count(driver, "child")).toBe(3);
    expect(count(driver, "parent")).toBe(2);
    expect(pragma(driver, "foreign_keys")).toBe(1);
    driver.exec("DELETE FROM parent WHERE id = 2");
    expect(count(driver, "child")).toBe(1);
  });

  test("a dropped table takes no child row with it, also when nobody called it a rebuild", () => {
    const driver = files.open(engine);
    migrate(driver, first);
    withRows(driver);
    const { rebuild: _, ...unmarked } = rebuild;
    expect(migrate(driver, first, unmarked).backups).toHaveLength(1);
    expect(count(driver, "child")).toBe(3);
    const drop: Migration = { version: 3, name: "drop", statements: ["DROP TABLE parent"] };
    expect(() => migrate(driver, first, unmarked, drop)).toThrow(expect.objectContaining({ code: "migration_failed" }));
    expect([count(driver, "parent"), count(driver, "child"), pragma(driver, "foreign_keys")]).toEqual([2, 3, 1]);
  });

  test("a rebuild that would break a reference is refused as a whole, and foreign keys are on again", () => {
    const driver = files.open(engine);
    migrate(driver, first);
    withRows(driver);
    const lossy = { ...rebuild, statements: rebuild.statements.map((sql) => (sql.startsWith("INSERT") ? `${sql} WHERE id = 1` : sql)) };
    expect(() => migrate(driver, first, lossy)).toThrow(
      expect.objectContaining({ code: "migration_failed", details: expect.objectContaining({ tables: ["child"] }) }),
    );
    expect(count(driver, "parent")).toBe(2);
    expect(pragma(driver, "foreign_keys")).toBe(1);
  });

  test("a rebuild is preceded by a copy that only its owner can read and that holds the rows of before", () => {
    const driver = files.open(engine);
    migrate(driver, first);
    withRows(driver);
    const { backups } = migrate(driver, first, rebuild);
    expect(backups).toHaveLength(1);
    expect(statSync(backups[0]!).mode & 0o777).toBe(0o600);
    const copy = files.open(engine, backups[0]!.split("/").pop());
    expect(pragma(copy, "user_version")).toBe(1);
    expect(count(copy, "child")).toBe(3);
    expect(pragma(copy, "integrity_check")).toBe("ok");
  });

  test("no copy for a new file, for an ordinary migration, or when told not to", () => {
    const driver = files.open(engine);
    expect(migrate(driver, first, rebuild).backups).toEqual([]);
    const third = { ...rebuild, version: 3, name: "again" };
    expect(applyMigrations(driver, { kind: "module", migrations: [first, rebuild, third], backup: false }).backups).toEqual([]);
    expect(readdirSync(files.folder).filter((name) => name.includes("before"))).toEqual([]);
    expect(join(files.folder, "test.db")).toBe(driver.path);
  });

  test("a transaction that is already open is refused", () => {
    const driver = files.open(engine);
    driver.exec("BEGIN IMMEDIATE");
    expect(() => migrate(driver, first)).toThrow(expect.objectContaining({ code: "migration_failed" }));
    driver.exec("ROLLBACK");
  });
});
