// What `run` reports, alike on every engine: the changes of this statement alone, and the connection's last rowid.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Driver, EngineName } from "./driver.ts";
import { isHonkerInstalled } from "./honker-native.ts";
import { openHonker, openLibsql } from "./open-driver.ts";

const engines: EngineName[] = isHonkerInstalled() ? ["libsql", "honker"] : ["libsql"];

describe.each(engines)("%s", (engine) => {
  let folder: string;
  let driver: Driver;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "cuitty-run-"));
    const path = join(folder, "a.db");
    driver = engine === "honker" ? openHonker(path).driver : openLibsql(path);
    driver.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, a UNIQUE); INSERT INTO t VALUES (1, 1), (2, 2)");
  });
  afterEach(() => {
    driver.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const run = (sql: string) => driver.prepare(sql).run();

  test.each(["SELECT 1", "PRAGMA user_version", "EXPLAIN SELECT 1", "PRAGMA user_version = 7", "CREATE TABLE u (a)", "SAVEPOINT s"])(
    "%s changes nothing",
    (sql) => {
      expect(run("UPDATE t SET a = a")).toEqual({ changes: 2, lastInsertRowid: 2 });
      expect(run(sql).changes).toBe(0);
    },
  );

  test("a statement with RETURNING that changes nothing reports so", () => {
    expect(run("UPDATE t SET a = a RETURNING id").changes).toBe(2);
    expect(run("INSERT INTO t VALUES (3, 1) ON CONFLICT DO NOTHING RETURNING id").changes).toBe(0);
    expect(run("DELETE FROM t WHERE id = 9 RETURNING id").changes).toBe(0);
  });

  // As better-sqlite3 and sqlite3_last_insert_rowid have it.
  test.each([
    ["an INSERT with RETURNING", () => driver.prepare("INSERT INTO t VALUES (20, 20) RETURNING id").all(), 20],
    ["the first row of one", () => driver.prepare("INSERT INTO t VALUES (20, 20) RETURNING id").get(), 20],
    ["an INSERT that failed at its second row", () => expect(() => run("INSERT INTO t VALUES (7, 7), (8, 1)")).toThrow("UNIQUE"), 7],
    [
      "one with RETURNING that failed so",
      () => expect(() => driver.prepare("INSERT INTO t VALUES (7, 7), (8, 1) RETURNING id").all()).toThrow("UNIQUE"),
      7,
    ],
    ["a script", () => driver.exec("INSERT INTO t VALUES (30, 30)"), 30],
    ["an upsert that updates", () => run("INSERT INTO t VALUES (31, 1) ON CONFLICT (a) DO UPDATE SET a = 1"), 2],
    ["an INSERT that is ignored", () => run("INSERT OR IGNORE INTO t VALUES (31, 1)"), 2],
  ])("after %s the next UPDATE and DELETE report its rowid", (_, insert, rowid) => {
    expect(run("UPDATE t SET a = a WHERE 0").lastInsertRowid).toBe(2);
    insert();
    expect(run("UPDATE t SET a = a WHERE 0")).toEqual({ changes: 0, lastInsertRowid: rowid });
    expect(run("DELETE FROM t WHERE 0")).toEqual({ changes: 0, lastInsertRowid: rowid });
    expect(run("SELECT 1")).toEqual({ changes: 0, lastInsertRowid: rowid });
    expect(run("PRAGMA user_version")).toEqual({ changes: 0, lastInsertRowid: rowid });
  });

  // libSQL has no such function.
  if (engine !== "honker") return;
  test("after a function that writes, too", () => {
    expect(run("DELETE FROM t WHERE 0").lastInsertRowid).toBe(2);
    const [id] = driver.prepare("SELECT notify('c', '1')").get() ?? [];
    expect(run("DELETE FROM t WHERE 0").lastInsertRowid).toBe(id);
  });
});
