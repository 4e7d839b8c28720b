// Multi-row inserts: values that all rows share are bound once, and every row arrives as it was given.
import { expect, test } from "vitest";
import type { SqlValue } from "../engine/driver.ts";
import { openLibsql } from "../engine/open-driver.ts";
import { createInsertPlanner } from "./row-insert.ts";
import type { RowInsert } from "./types.ts";

const insertOf = (rows: readonly (readonly SqlValue[])[]): RowInsert => ({ table: "t", columns: ["a", "b", "c"], rows });

test("columns that are the same in a whole chunk are bound once", () => {
  const plan = createInsertPlanner();
  const rows = Array.from({ length: 25 }, (_, index) => ["project", index, null]);
  const [chunk] = plan(insertOf(rows));
  expect(chunk?.params).toEqual(["project", null, ...rows.map(([, value]) => value)]);
  expect(chunk?.sql).toMatch(/VALUES \(\?1, \?3, \?2\), \(\?1, \?4, \?2\)/);
});

test("whatever is shared, the rows that were given are the rows that are stored", () => {
  const driver = openLibsql(":memory:");
  driver.exec("CREATE TABLE t (a, b, c)");
  const plan = createInsertPlanner();
  const values: readonly SqlValue[] = [null, 0, -0, 1, "", "x", 1.5];
  let seed = 1;
  const next = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  for (let round = 0; round < 200; round++) {
    // Each column is constant or not, anew in each round: far more combinations than statements are kept for.
    const constant = [next(2), next(2), next(2)].map((flag) => (flag === 1 ? (values[next(values.length)] as SqlValue) : undefined));
    const rows = Array.from({ length: next(60) }, () =>
      constant.map((value) => (value === undefined ? (values[next(values.length)] as SqlValue) : value)),
    );
    for (const { sql, params } of plan(insertOf(rows))) driver.prepare(sql).run(params);
    const stored = driver.prepare("SELECT a, b, c FROM t ORDER BY rowid").all();
    expect(stored).toEqual(rows);
    driver.exec("DELETE FROM t");
  }
  driver.close();
});

test("a row of another length is refused before anything is written", () => {
  const plan = createInsertPlanner();
  expect(() =>
    plan(
      insertOf([
        [1, 2, 3],
        [1, 2],
      ]),
    ),
  ).toThrow(/row 1/);
});

test("rows go into statements of 50 and 25, and what is left over into one more", () => {
  const plan = createInsertPlanner();
  const sizes = (count: number) => plan(insertOf(Array.from({ length: count }, (_, index) => [index, "b", "c"]))).map(({ rows }) => rows);
  expect([100, 80, 74, 24, 1, 0].map(sizes)).toEqual([[50, 50], [50, 25, 5], [50, 24], [24], [1], []]);
});
