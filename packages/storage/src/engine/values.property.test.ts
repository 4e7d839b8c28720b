// Every SQLite value survives exactly on every engine: bound, stored, selected, returned, and through ordinary SQL.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Driver, EngineName, SqlValue } from "./driver.ts";
import { isHonkerInstalled } from "./honker-native.ts";
import { openHonker, openLibsql } from "./open-driver.ts";

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const edges = fc.constantFrom<SqlValue>(
  ...[
    0,
    -0,
    1,
    -1,
    2 ** 31,
    -(2 ** 31),
    2 ** 31 - 1,
    -(2 ** 31) - 1,
    2 ** 32,
    2 ** 32 - 1,
    2 ** 53,
    -(2 ** 53),
    2 ** 53 - 1,
    2 ** 63,
    2 ** 64,
  ],
  ...[1e308, 5e-324, -1e308, 0.1, 2.9999999999999996, 1e15, 123456789012345.67, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ...[2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 31n, 2n ** 32n, 0n],
  ...["", "\0", "a\0", "\0a\0", "'", '"', "😀", "é", "x'00'", "9e999", "[1.5,", ",2.5]", "Inf", "null", "00ff", "1", "1.0", " "],
  ...[new Uint8Array(0), new Uint8Array([0]), new Uint8Array([0x61]), new Uint8Array(Buffer.from("text"))],
);
const text = fc
  .oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }), fc.stringMatching(/^[0-9a-f]*$/))
  .map((value) => Buffer.from(value).toString());
const blob = fc.uint8Array({ maxLength: 300 });
const value: fc.Arbitrary<SqlValue> = fc.oneof(
  edges,
  int64,
  fc.maxSafeInteger(),
  fc.double({ noNaN: true }),
  text,
  blob,
  fc.constant(null),
);

/** What comes back: integers as numbers while they are safe, whole REALs as numbers. */
function expected(given: SqlValue): SqlValue {
  return typeof given === "bigint" && given >= -(2n ** 53n - 1n) && given <= 2n ** 53n - 1n ? Number(given) : given;
}
const typeName = (given: SqlValue): string => {
  if (given === null) return "null";
  if (typeof given === "string") return "text";
  if (typeof given === "bigint") return "integer";
  if (typeof given === "number") return Number.isSafeInteger(given) && !Object.is(given, -0) ? "integer" : "real";
  return "blob";
};
const bytes = (given: SqlValue | undefined) => (given instanceof Uint8Array ? new Uint8Array(given) : given);

describe.each<EngineName>(isHonkerInstalled() ? ["libsql", "honker"] : ["libsql"])("%s", (engine) => {
  let folder: string;
  let driver: Driver;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "cuitty-values-"));
    const path = join(folder, "a.db");
    driver = engine === "honker" ? openHonker(path, { synchronous: "OFF" }).driver : openLibsql(path, { synchronous: "OFF" });
  });
  afterAll(() => {
    driver.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A statement remembers which form its rows need; each run asks with a new one. */
  let runs = 0;
  const fresh = (sql: string) => driver.prepare(`${sql} -- ${runs++}`);

  test("rows come back exactly, with their types, from SELECT and RETURNING", () => {
    driver.exec("CREATE TABLE loose (id INTEGER PRIMARY KEY, a, b, c)");
    fc.assert(
      fc.property(value, value, value, (a, b, c) => {
        const given = [a, b, c];
        const [id, ...returned] = driver
          .prepare("INSERT INTO loose (a, b, c) VALUES (?, ?, ?) RETURNING id, a, b AS a, c")
          .all(given)[0] as SqlValue[];
        expect(returned.map(bytes)).toEqual(given.map(expected).map(bytes));
        const row = fresh("SELECT a, b, c, a, typeof(a), typeof(b), typeof(c) FROM loose WHERE id = ?").get([id as SqlValue]) as SqlValue[];
        const rows = fresh("SELECT c, b FROM loose WHERE id >= ? UNION ALL SELECT b, c FROM loose WHERE id = ?1").all([id as SqlValue]);
        expect(rows.map((each) => each.map(bytes))).toEqual([[c, b].map(expected).map(bytes), [b, c].map(expected).map(bytes)]);
        expect(row.slice(0, 4).map(bytes)).toEqual([...given, a].map(expected).map(bytes));
        expect(row.slice(4)).toEqual(given.map(typeName));
        expect(
          driver
            .prepareCommitted("SELECT c FROM loose WHERE id = ?")
            .get([id as SqlValue])
            ?.map(bytes),
        ).toEqual([bytes(expected(c))]);
      }),
      { numRuns: 300 },
    );
  });

  test("a bound value equals the stored one in comparisons, lists and repeated parameters", () => {
    driver.exec("CREATE TABLE found (id INTEGER PRIMARY KEY, v, i INTEGER, s TEXT)");
    fc.assert(
      fc.property(value, value, (v, other) => {
        driver.exec("DELETE FROM found");
        driver.prepare("INSERT INTO found (v, i, s) VALUES (?1, ?1, ?1)").run([v]);
        expect(driver.prepare("SELECT count(*) FROM found WHERE v IS ?").get([v])).toEqual([1]);
        expect(driver.prepare("SELECT :x IS :y, :x IS :x, ?2 IS :y").get([v, other])).toEqual([Number(same(v, other)), 1, 1]);
        if (v !== null) expect(driver.prepare("SELECT v IN (?, ?), i = ?1, s = ?1 FROM found").get([v, v])).toEqual([1, 1, 1]);
      }),
      { numRuns: 200 },
    );
  });

  test("long blobs and texts survive", () => {
    const long = new Uint8Array(1024 * 1024).map((_, index) => index);
    driver.exec("CREATE TABLE long (b, s)");
    driver.prepare("INSERT INTO long VALUES (?, ?)").run([long, "é\0".repeat(100_000)]);
    const row = driver.prepare("SELECT b, s FROM long").get() as [Uint8Array, string];
    expect(Buffer.compare(row[0], long)).toBe(0);
    expect(row[1]).toBe("é\0".repeat(100_000));
  });
});

/** SQLite's IS: 1 and 1.0 are one value, -0.0 and 0 too. */
function same(a: SqlValue, b: SqlValue): boolean {
  if (typeof a === "object" && a !== null && typeof b === "object" && b !== null) return Buffer.compare(a, b) === 0;
  const isNumber = (v: SqlValue): v is number | bigint => typeof v === "number" || typeof v === "bigint";
  // biome-ignore lint/suspicious/noDoubleEquals: reason: 1n and 1 are the same value to SQLite, as to this operator.
  return isNumber(a) && isNumber(b) ? a == b : a === b;
}
