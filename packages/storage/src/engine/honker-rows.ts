// Rows from Honker. Its binding answers with objects: column order, equal names, blobs, infinities and large integers are restored here.
import type { SqlRow, SqlValue } from "./driver.ts";
import type { HonkerRow } from "./honker-native.ts";

/** Above this many columns the exact form is used at once: SQLite bounds the depth of the fast form's condition. */
export const maxFastColumns = 200;

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** `WITH "_h"(c0, c1) AS (…)`: equal names stay apart and the order is known. A line break ends a trailing comment. */
function wrap(sql: string, count: number, hint = ""): string {
  return `WITH "_h"(${range(count).map((index) => `c${index}`)}) AS ${hint}(${sql}\n)`;
}

/** True in a row when it holds what JSON cannot: a blob (greater than every text) or an infinity. */
const isLossy = (index: number): string => `c${index}>=x'' OR c${index}=9e999 OR c${index}=-9e999`;

/** Columns as they are, and a flag whether that lost anything. */
export function fastSql(sql: string, count: number): string {
  const names = range(count);
  return `${wrap(sql, count)} SELECT ${names.map((index) => `c${index}`)},(${names.map(isLossy).join(" OR ")}) AS f FROM "_h"`;
}

/** Value and type code of an expression; integers as text, infinities as a code. */
export function exactColumn(expression: string, index: number): string {
  const e = `(${expression})`;
  return (
    `CASE typeof${e} WHEN 'integer' THEN CAST(${e} AS TEXT) ELSE ${e} END AS c${index},` +
    `CASE WHEN typeof${e}<>'real' THEN substr(typeof${e},1,1) WHEN ${e}=9e999 THEN 'p' WHEN ${e}=-9e999 THEN 'm' ELSE 'r' END AS t${index}`
  );
}

/** Columns with their types. `once`: each row is computed once, where SQLite would otherwise repeat an expression at each place it is used. */
export function exactSql(sql: string, count: number, once: boolean): string {
  const columns = range(count).map((index) => exactColumn(`c${index}`, index).replace(`AS c${index},`, `AS v${index},`));
  return `${wrap(sql, count, once ? "MATERIALIZED " : "")} SELECT ${columns} FROM "_h"`;
}

/** Rows of a `fastSql`; undefined when one of them needs the exact form. */
export function fastRows(rows: readonly HonkerRow[], keys: readonly string[]): SqlRow[] | undefined {
  const result = new Array<SqlRow>(rows.length);
  for (let at = 0; at < rows.length; at++) {
    const source = rows[at] as HonkerRow;
    if (source.f === 1) return undefined;
    const row = new Array<SqlValue>(keys.length);
    for (let column = 0; column < keys.length; column++) {
      const value = source[keys[column] as string] as SqlValue;
      if (typeof value === "number" && (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER)) return undefined;
      row[column] = value;
    }
    result[at] = row;
  }
  return result;
}

/** Rows whose columns are named `<prefix>0`, `<prefix>1` … with types `t0`, `t1` …. */
export function exactRows(rows: readonly HonkerRow[], count: number, prefix: "c" | "v"): SqlRow[] {
  return rows.map((row) => range(count).map((index) => exactValue(row[`${prefix}${index}`], row[`t${index}`])));
}

function exactValue(value: unknown, type: unknown): SqlValue {
  if (type === "i") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : BigInt(value as string);
  }
  if (type === "b") return Buffer.from(value as string, "hex");
  if (type === "p") return Number.POSITIVE_INFINITY;
  if (type === "m") return Number.NEGATIVE_INFINITY;
  return value as SqlValue;
}
