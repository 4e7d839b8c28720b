// Codes of errors: what the engines really say, and what a user's own text says in their words.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Driver, EngineName } from "./driver.ts";
import { storageError } from "./errors.ts";
import { isHonkerInstalled } from "./honker-native.ts";
import { openHonker, openLibsql } from "./open-driver.ts";

const engines: EngineName[] = isHonkerInstalled() ? ["libsql", "honker"] : ["libsql"];

describe.each(engines)("%s", (engine) => {
  let folder: string;
  let path: string;
  let driver: Driver;
  const open = (): Driver =>
    engine === "honker" ? openHonker(path, { busyTimeoutMs: 10 }).driver : openLibsql(path, { busyTimeoutMs: 10 });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "cuitty-errors-"));
    path = join(folder, "a.db");
    driver = open();
    driver.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  });
  afterEach(() => {
    driver.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const errorOf = (body: () => unknown) => {
    try {
      body();
    } catch (error) {
      return error as { code: string; message: string; retryable: boolean; details: Record<string, unknown> };
    }
    throw new Error("expected an error");
  };

  test.each([
    "account is closed",
    "the door was not open",
    "order: database is locked",
    "it's a disk I/O error",
    "SQL statements in progress",
    "no datatype mismatch",
    "my UNIQUE constraint failed",
    "attempt to write a readonly database: t",
    "not allowed",
  ])("RAISE(ABORT, '%s') is a broken rule of a trigger", (text) => {
    driver.exec(`CREATE TRIGGER r BEFORE INSERT ON t BEGIN SELECT RAISE(ABORT, '${text.replaceAll("'", "''")}'); END`);
    const ways = [
      () => driver.prepare("INSERT INTO t VALUES (1, 2)").run(),
      () => driver.prepare("INSERT INTO t VALUES (1, 2) RETURNING id").all(),
      () => driver.exec("INSERT INTO t VALUES (1, 2)"),
    ];
    for (const way of ways) {
      expect(errorOf(way)).toMatchObject({ code: "constraint", retryable: false, message: text, details: { kind: "trigger" } });
    }
    driver.exec(
      "DROP TRIGGER r; CREATE TEMP TRIGGER q BEFORE DELETE ON t BEGIN SELECT RAISE(FAIL, 'temporary'); END; INSERT INTO t VALUES (1, 2)",
    );
    expect(errorOf(() => driver.exec("DELETE FROM t"))).toMatchObject({ code: "constraint", details: { kind: "trigger" } });
  });

  test.each(["x is closed", "database is locked", "disk I/O error", "not open"])(
    "a table that is not there, called %s, is an error of the SQL",
    (name) => {
      expect(errorOf(() => driver.prepare(`SELECT * FROM "${name}"`).all())).toMatchObject({ code: "sql", retryable: false });
      expect(errorOf(() => driver.exec(`DELETE FROM "${name}"`))).toMatchObject({ code: "sql" });
    },
  );

  test("the engine's own words keep their codes", () => {
    driver.exec("CREATE TABLE s (a INTEGER CHECK (a > 0), b NOT NULL DEFAULT 1, UNIQUE (a)) STRICT".replace("b NOT", "b ANY NOT"));
    const run = (sql: string) => errorOf(() => driver.prepare(sql).run());
    expect(run("INSERT INTO s (a) VALUES ('x')")).toMatchObject({ code: "constraint", details: { kind: "datatype" } });
    expect(run("INSERT INTO t VALUES ('x', 1)")).toMatchObject({ code: "constraint", details: { kind: "datatype" } });
    expect(run("INSERT INTO s (a) VALUES (-1)")).toMatchObject({ code: "constraint", details: { kind: "check" } });
    expect(run("INSERT INTO s (b) VALUES (NULL)")).toMatchObject({ code: "constraint", details: { kind: "not_null", columns: ["b"] } });
    expect(run("INSERT INTO s (a) VALUES (1), (1)")).toMatchObject({ code: "constraint", details: { kind: "unique", columns: ["a"] } });
    expect(run("INSERT INTO t VALUES (1, 1), (1, 1)")).toMatchObject({ code: "constraint", details: { kind: "primary_key" } });
    driver.exec("PRAGMA query_only = ON");
    expect(run("INSERT INTO t VALUES (9, 9)")).toMatchObject({ code: "readonly" });
    driver.exec("PRAGMA query_only = OFF");
    expect(errorOf(() => driver.exec(`ATTACH '${folder}/none/b.db' AS b`))).toMatchObject({ code: "io" });
    expect(errorOf(() => driver.prepare("SELECT abs(-9223372036854775808)").all())).toMatchObject({ code: "sql" });
    driver.exec(`PRAGMA max_page_count = ${Number(driver.prepare("PRAGMA page_count").get()?.[0]) + 2}`);
    expect(run("INSERT INTO t VALUES (10, zeroblob(100000))")).toMatchObject({ code: "full" });
    driver.close();
    expect(errorOf(() => driver.prepare("SELECT 1"))).toMatchObject({ code: "closed" });
  });

  test("a definition that cannot be parsed is corrupt", () => {
    driver.close();
    const bytes = readFileSync(path);
    bytes[bytes.indexOf("t (id INTEGER") + 1] = "+".charCodeAt(0);
    writeFileSync(path, bytes);
    expect(errorOf(() => (driver = open()))).toMatchObject({
      code: "corrupt",
      message: expect.stringContaining("malformed database schema (t)"),
    });
  });
});

test.each([
  ["closed", "The database connection is not open"],
  ["closed", "Database is closed"],
  ["closed", "Database error: Database is closed"],
  ["closed", "transaction already finished"],
  ["busy", "database table is locked: t"],
  ["busy", "database schema is locked: main"],
  ["busy", "cannot commit transaction - SQL statements in progress"],
  ["io", 'ConnectionFailed("Unable to open connection to local database /tmp: 14")'],
  ["io", "Database error: unable to open database file: /tmp"],
  ["io", "disk I/O error"],
  ["corrupt", "database disk image is malformed"],
  ["corrupt", "malformed database schema (?)"],
  ["corrupt", "Database error: file is not a database"],
  ["sql", "no such column: database is closed"],
])("%s: %s", (code, message) => {
  expect(storageError(new Error(message), "/a.db")).toMatchObject({ code });
});
