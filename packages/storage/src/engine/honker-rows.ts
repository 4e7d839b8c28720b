// Rows from Honker. Its binding answers with objects: column order, equal names, blobs, infinities and large integers are restored here.
import type { SqlRow, SqlValue } from "./driver.ts";
import type { HonkerRow } from "./honker-native.ts";

/** Above this many columns only the plain and exact forms are used: a function takes at most 127 arguments. */
export const maxJsonColumns = 100;

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** `WITH "_h"(c0, c1) AS (…)`: equal names stay apart and the order is known. A line break ends a trailing comment. */
function wrap(sql: string, count: number, hint = ""): string {
  return `WITH "_h"(${range(count).map((index) => `c${index}`)}) AS ${hint}(${sql}\n)`;
}

/** How the rows of a statement are asked for, from fast to exact. */
export type RowForm = "json" | "plain" | "exact" | "bytes";

export interface RowShape {
  readonly count: number;
  /** Only the first row is wanted. */
  readonly isFirst: boolean;
  /**
   * Store the rows before they are put into a form: SQLite else repeats an expression at each place it is used, and what a JSON function made
   * would be taken for JSON, not for the text that it is.
   */
  readonly isStored: boolean;
}

/** The statement that answers with the rows of `sql` in a form. */
export function rowsSql(sql: string, form: RowForm, { count, isFirst, isStored }: RowShape): string {
  const from = ` FROM "_h"${isFirst ? " LIMIT 1" : ""}`;
  const rows = isFirst && isStored ? `SELECT * FROM (${sql}\n) LIMIT 1` : sql;
  return `${wrap(rows, count, isStored ? "MATERIALIZED " : "")} SELECT ${selections[form](range(count), isFirst)}${from}`;
}

const selections: Readonly<Record<RowForm, (columns: number[], isFirst: boolean) => string>> = {
  // One value crosses the binding instead of one a cell, which makes a page of rows more than twice as fast.
  json: (columns, isFirst) => {
    const row = `json_array(${columns.map((index) => `c${index}`)})`;
    return isFirst ? `'['||${row}||']' AS j` : `json_group_array(${row}) AS j`;
  },
  plain: (columns) => columns.map(marked).join(),
  exact: (columns) => columns.map((index) => `${exactValueOf(`c${index}`)} AS v${index},${typeOf(`c${index}`)} AS t${index}`).join(),
  // Text as bytes, for what is no UTF-8: the binding answers with an empty text for that.
  bytes: (columns) => columns.map((index) => `${bytesOf(`c${index}`)} AS v${index},${typeOf(`c${index}`, "'u'")} AS t${index}`).join(),
};

/** A REAL (SQLite writes 15 digits of it) or an integer that a JavaScript number may not hold. It may also hit text, which costs time alone. */
const inexactNumber = /[[,]-?\d+(?:\.\d|\d{15})/;

/** Rows of the json form; undefined when JSON may have lost something, "unreadable" when it holds text that is no UTF-8. */
export function jsonRows(rows: readonly HonkerRow[]): SqlRow[] | "unreadable" | undefined {
  if (rows.length === 0) return [];
  const text = rows[0]?.j;
  if (text === "") return "unreadable";
  if (typeof text !== "string" || inexactNumber.test(text)) return undefined;
  try {
    return JSON.parse(text) as SqlRow[];
  } catch {
    // reason: SQLite before 3.43 writes infinities as Inf
    return undefined;
  }
}

/** What JSON cannot hold as an error of SQLite's: blobs, or an answer beyond its largest text. */
export const isJsonRefusal = (error: unknown): boolean =>
  /JSON cannot hold BLOB|too big|out of memory/.test(String((error as Error).message));

/** No row that the binding reports correctly holds this number: it is beyond the safe integers. */
const lossMark = 1e300;

/** A cell as it is, or the mark where the binding would lose something: a blob (greater than every text) or an infinity. */
const marked = (index: number): string => `iif(c${index}>=x'' OR c${index}=9e999 OR c${index}=-9e999,${lossMark},c${index}) AS c${index}`;

/** Value and type code of an expression; integers as text, infinities as a code. */
export function exactColumn(expression: string, index: number): string {
  const e = `(${expression})`;
  return `${exactValueOf(e)} AS c${index},${typeOf(e)} AS t${index}`;
}

const exactValueOf = (e: string): string => `CASE typeof(${e}) WHEN 'integer' THEN CAST(${e} AS TEXT) ELSE ${e} END`;

const bytesOf = (e: string): string =>
  `CASE typeof(${e}) WHEN 'integer' THEN CAST(${e} AS TEXT) WHEN 'text' THEN CAST(${e} AS BLOB) ELSE ${e} END`;

/** i, r, b or n; p and m for the infinities; e for empty text, which tells it from text that the binding could not read. */
const typeOf = (e: string, text = `CASE WHEN ${e}='' THEN 'e' ELSE 't' END`): string =>
  `CASE typeof(${e}) WHEN 'text' THEN ${text} WHEN 'real' THEN CASE WHEN ${e}=9e999 THEN 'p' WHEN ${e}=-9e999 THEN 'm' ELSE 'r' END ELSE substr(typeof(${e}),1,1) END`;

/** Rows of the plain form; undefined when one of them needs the exact form. */
export function plainRows(rows: readonly HonkerRow[], keys: readonly string[]): SqlRow[] | undefined {
  const result = new Array<SqlRow>(rows.length);
  for (let at = 0; at < rows.length; at++) {
    const source = rows[at] as HonkerRow;
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

/** Whether a row of the exact form has text that the binding could not read. */
export function hasUnreadable(rows: readonly HonkerRow[], count: number): boolean {
  return rows.some((row) => range(count).some((index) => row[`t${index}`] === "t" && row[`v${index}`] === ""));
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
  if (type === "u") return Buffer.from(value as string, "hex").toString("utf8");
  // Of RETURNING, which cannot be asked again: not nothing, and not readable.
  if (type === "t" && value === "") return "\ufffd";
  if (type === "b") return Buffer.from(value as string, "hex");
  if (type === "p") return Number.POSITIVE_INFINITY;
  if (type === "m") return Number.NEGATIVE_INFINITY;
  return value as SqlValue;
}
