// One statement on the libSQL binding, with its traps closed: it stores whole numbers as REAL, cuts text at NUL, and aborts the process on values it does not know.

import type { NativeStatement } from "./connection-holder.ts";
import type { RunResult, SqlRow, SqlValue } from "./driver.ts";
import { checkedParameter } from "./parameters.ts";
import { rewriteReturning } from "./returning.ts";
import type { SqlInfo } from "./sql-text.ts";

type Bound = null | number | bigint | string | Uint8Array;

interface NativeLibsqlStatement {
  readonly reader: boolean;
  raw(on: boolean): this;
  safeIntegers(on: boolean): this;
  columns(): { name: string }[];
  run(params: Bound[]): { changes: number; lastInsertRowid: number };
  get(params: Bound[]): Bound[] | undefined;
  all(params: Bound[]): Bound[][];
}

export interface LibsqlDatabase {
  readonly inTransaction: boolean;
  prepare(sql: string): NativeLibsqlStatement;
  exec(sql: string): void;
  close(): void;
}

/**
 * The binding reads text up to its first NUL. Text with NUL is rare, and reading all text as bytes costs twice, so the first such write
 * marks the file with this table, in its own transaction; marked files are read as bytes. (Text that SQL itself makes with NUL is not noticed.)
 */
export const nulTextTable = "_cuitty_nul_text";

/** What the statements of a connection know of the file's text. */
export interface NulText {
  mayHoldNul: boolean;
  /** Changes with the schema, whoever changes it. */
  schemaVersion(): unknown;
  /** Looks whether another process has marked the file since. */
  look(): void;
}

export interface LibsqlStatementOptions {
  readonly sql: string;
  readonly info: SqlInfo;
  /** Shared by all statements of a connection. */
  readonly text: NulText;
}

interface BoundValues {
  readonly values: Bound[];
  readonly hasNul: boolean;
}

/** A whole number has to travel as bigint to become an INTEGER. -0 is only a REAL. */
function bind(params: readonly SqlValue[]): BoundValues {
  const values = new Array<Bound>(params.length);
  let hasNul = false;
  for (let index = 0; index < params.length; index++) {
    const value = checkedParameter(params[index], index);
    if (typeof value === "string") hasNul ||= value.includes("\0");
    values[index] = typeof value === "number" && Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value;
  }
  return { values, hasNul };
}

function exactRow(row: Bound[]): SqlRow {
  for (let index = 0; index < row.length; index++) {
    const value = row[index];
    if (typeof value !== "bigint") continue;
    const number = Number(value);
    if (Number.isSafeInteger(number)) row[index] = number;
  }
  return row;
}

/** Rows of `asBytes`: each value is followed by whether it is text. */
function textRow(row: Bound[]): SqlRow {
  const exact = exactRow(row);
  const result: SqlRow = new Array(exact.length / 2);
  for (let index = 0; index < result.length; index++) {
    const value = exact[2 * index] as SqlValue;
    result[index] = exact[2 * index + 1] === 1 ? Buffer.from(value as Uint8Array).toString("utf8") : value;
  }
  return result;
}

const asBytes = (expression: string): string =>
  `CASE typeof(${expression}) WHEN 'text' THEN CAST(${expression} AS BLOB) ELSE ${expression} END,typeof(${expression})='text'`;

const read = (database: LibsqlDatabase, sql: string) => database.prepare(sql).safeIntegers(true).raw(true);

/** Prepares a statement. Throws native errors. */
export function createLibsqlStatement(database: LibsqlDatabase, options: LibsqlStatementOptions): NativeStatement {
  const native = database.prepare(options.sql).safeIntegers(true);
  return native.reader ? createReader(database, native.raw(true), options) : createWriter(database, native, options);
}

/** Before a write that brings NUL: in the write's own transaction, so that the mark is there if and only if the text is. */
function markNul(database: LibsqlDatabase, text: NulText): void {
  database.exec(`CREATE TABLE IF NOT EXISTS ${nulTextTable} (note TEXT)`);
  text.mayHoldNul = true;
}

function createReader(
  database: LibsqlDatabase,
  native: NativeLibsqlStatement,
  { sql, info, text }: LibsqlStatementOptions,
): NativeStatement {
  const canBeBytes = info.kind === "write" || (info.kind === "read" && info.verb !== "EXPLAIN");
  let bytes: NativeLibsqlStatement | undefined;
  /** Set for a `RETURNING *` as bytes, which lists the columns that the table had then. */
  let listedAt: unknown;
  // The binding's `get` does not reset before it binds: after `all`, or after an error, it would answer for the parameters of before.
  let single: NativeLibsqlStatement | undefined;
  // Of two statements the one that ran last knows the present schema.
  let latest = native;
  // What is read as bytes has columns of its own: a fresh statement knows the present names.
  const columns = () => (text.mayHoldNul && canBeBytes ? database.prepare(sql) : latest).columns().map(({ name }) => name);

  function bytesStatement(): NativeLibsqlStatement {
    learnSchema(database);
    // Counted on a fresh statement: a cached one learns of a new schema only when it runs.
    const names = database
      .prepare(sql)
      .columns()
      .map((_, index) => `c${index}`);
    const columnsOf = (table: string) =>
      database
        .prepare(`SELECT * FROM "${table.replaceAll('"', '""')}" LIMIT 0`)
        .columns()
        .map(({ name }) => name);
    if (info.kind !== "write") {
      return read(database, `WITH "_b"(${names}) AS (${sql.slice(0, info.end)}\n) SELECT ${names.map(asBytes)} FROM "_b"`);
    }
    const returning = rewriteReturning(sql, { columnsOf, toColumn: asBytes });
    if (returning?.hasStar) listedAt = text.schemaVersion();
    return read(database, returning?.sql ?? sql);
  }

  function allAsBytes(values: Bound[]): Bound[][] {
    try {
      if (listedAt !== undefined && listedAt !== text.schemaVersion()) bytes = undefined;
      bytes ??= bytesStatement();
      return bytes.all(values);
    } catch (error) {
      // The schema has changed under `SELECT *`.
      if (!/has \d+ values for \d+ columns/.test(String((error as Error).message))) throw error;
      bytes = bytesStatement();
      return bytes.all(values);
    }
  }

  function all(params: readonly SqlValue[]): SqlRow[] {
    const { values, hasNul } = bind(params);
    if (hasNul && info.kind === "write") markNul(database, text);
    if (canBeBytes) text.look();
    if ((hasNul || text.mayHoldNul) && canBeBytes) {
      return allAsBytes(values).map(textRow);
    }
    latest = native;
    const rows = native.all(values);
    // `all` leaves an EXPLAIN unfinished, and with it the connection in an old snapshot, which foreign commits make unwritable; `get` resets it.
    if (info.verb === "EXPLAIN") native.get(values);
    for (const row of rows) exactRow(row);
    return rows;
  }
  function getRow(values: Bound[]): SqlRow | undefined {
    single ??= read(database, sql);
    latest = single;
    try {
      const row = single.get(values);
      return row === undefined ? undefined : exactRow(row);
    } catch (error) {
      single = undefined;
      throw error;
    }
  }
  return {
    columns,
    // `run` of the binding steps once and reports no changes for RETURNING.
    run: (params) => {
      all(params);
      return lastChange(database);
    },
    all,
    get: (params) => {
      if (canBeBytes) text.look();
      if (text.mayHoldNul || info.kind === "write") return all(params)[0];
      const { values, hasNul } = bind(params);
      if (hasNul) return all(params)[0];
      return getRow(values);
    },
  };
}

function createWriter(database: LibsqlDatabase, native: NativeLibsqlStatement, { info, text }: LibsqlStatementOptions): NativeStatement {
  const run = (params: readonly SqlValue[]): RunResult => {
    const { values, hasNul } = bind(params);
    if (hasNul && info.kind === "write") markNul(database, text);
    const { changes, lastInsertRowid } = native.run(values);
    return Number.isSafeInteger(lastInsertRowid)
      ? { changes, lastInsertRowid }
      : { changes, lastInsertRowid: lastChange(database).lastInsertRowid };
  };
  return {
    columns: () => [],
    run,
    all: (params) => {
      run(params);
      return [];
    },
    get: (params) => {
      run(params);
      return undefined;
    },
  };
}

/** A connection compiles against the schema it knows, and learns of another process's changes when it runs something. */
function learnSchema(database: LibsqlDatabase): void {
  read(database, "SELECT 1 FROM sqlite_master LIMIT 1").get([]);
}

function lastChange(database: LibsqlDatabase): RunResult {
  const row = exactRow(read(database, "SELECT changes(), last_insert_rowid()").get([]) as Bound[]);
  return { changes: Number(row[0]), lastInsertRowid: row[1] as number | bigint };
}
