// Text that SQL makes out of good data and that is no UTF-8: on the libSQL engine it must reach the binding as bytes, by whatever way it comes.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, expect, test } from "vitest";
import { drizzle } from "../sqlite/drizzle.ts";
import type { Driver } from "./driver.ts";
import { describeSchema, riskyColumns } from "./libsql-risk.ts";
import { openLibsql } from "./open-driver.ts";
import { describeSql } from "./sql-text.ts";

let folder: string;
let driver: Driver;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cuitty-made-text-"));
  driver = openLibsql(join(folder, "a.db"));
  driver.exec(`CREATE TABLE t (s TEXT, j TEXT, b BLOB); INSERT INTO t VALUES ('a', '"\\ud800"', x'ff')`);
});
afterEach(() => {
  driver.close();
  rmSync(folder, { recursive: true, force: true });
});

const unreadable = /^\ufffd+$/;

test.each([
  ["by its hidden column", "SELECT atom FROM json_each WHERE json = (SELECT j FROM t)"],
  ["of the other name", "SELECT value FROM json_tree WHERE json = (SELECT j FROM t)"],
  ["joined", "SELECT e.value FROM t JOIN json_each e ON e.json = t.j"],
  ["listed after a comma", "SELECT e.value FROM t, json_each AS e WHERE e.json = t.j"],
  ["under a function that passes text on", "SELECT max(e.value) FROM t JOIN json_each e ON e.json = t.j"],
  ["by a quoted name", 'SELECT value FROM "json_each" WHERE json = (SELECT j FROM t)'],
  ["by a name in brackets and capitals", "SELECT coalesce(value, 1) FROM [JSON_Each] WHERE json = (SELECT j FROM t)"],
  ["by a name in text quotes", "SELECT coalesce(value, 1) FROM 'json_each' WHERE json = (SELECT j FROM t)"],
])("a table-valued function %s", (_, text) => {
  for (const statement of [driver.prepare(text), driver.prepareCommitted(text)]) {
    expect(statement.all()).toEqual([[expect.stringMatching(unreadable)]]);
    expect(statement.get()).toEqual([expect.stringMatching(unreadable)]);
  }
  expect(drizzle(driver).values(sql.raw(text))).toEqual([[expect.stringMatching(unreadable)]]);
});

test.each([
  ["an update from JSON", "UPDATE t SET s = j ->> '$' RETURNING s"],
  ["an insert of a cast", "INSERT INTO t (s) VALUES (CAST(x'ff' AS TEXT)) RETURNING s"],
  ["an insert of a selection", "INSERT INTO t (s) SELECT value FROM json_each WHERE json = '[\"\\ud800\"]' RETURNING s"],
  ["an upsert", "INSERT INTO u VALUES (1, '') ON CONFLICT (id) DO UPDATE SET s = CAST(x'ff' AS TEXT) RETURNING s"],
  ["a default that the table makes", "INSERT INTO d (id) VALUES (1) RETURNING s"],
  ["an insert from a view", "INSERT INTO t (s) SELECT s FROM v RETURNING coalesce(s, 1)"],
])("a column of RETURNING that the statement has just made: %s", (_, text) => {
  driver.exec("CREATE TABLE u (id INTEGER PRIMARY KEY, s TEXT); INSERT INTO u VALUES (1, 'x')");
  driver.exec("CREATE TABLE d (id INTEGER PRIMARY KEY, s TEXT DEFAULT (CAST(x'ff' AS TEXT)))");
  driver.exec("CREATE VIEW v AS SELECT CAST(b AS TEXT) AS s FROM t");
  expect(driver.prepare(text).all()).toEqual([[expect.stringMatching(unreadable)]]);
});

test("a table, a view and a column of an attached file", () => {
  driver.exec(`ATTACH '${join(folder, "b.db")}' AS other`);
  driver.exec("CREATE TABLE other.g (d BLOB, c TEXT AS (CAST(d AS TEXT))); INSERT INTO other.g VALUES (x'ff')");
  driver.exec("CREATE VIEW other.w AS SELECT c FROM g");
  for (const text of ["SELECT c FROM other.g", "SELECT c FROM w", "SELECT max(c) FROM w"]) {
    expect(driver.prepare(text).all()).toEqual([["\ufffd"]]);
  }
});

test("a long literal is looked through once: ten times the text takes no more than some ten times the time", () => {
  const statements = (size: number) =>
    [`SELECT 'X' AS a`, `SELECT x'X' AS a`, `SELECT "X" AS X`].map((text) => text.replaceAll("X", "0a".repeat(size / 2)));
  const quickest = (size: number): number =>
    Math.min(
      ...[1, 2, 3].map(() => {
        const startMs = performance.now();
        for (const text of statements(size)) riskyColumns({ sql: text, info: describeSql(text) }, () => [], describeSchema([]));
        return performance.now() - startMs;
      }),
    );
  // Quadratic work would be a hundred times as much, and seconds of it.
  expect(quickest(200_000)).toBeLessThan(40 * Math.max(quickest(20_000), 5));
});
