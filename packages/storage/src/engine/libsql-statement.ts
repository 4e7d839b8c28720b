// One statement on the libSQL binding, with its traps closed: it stores whole numbers as REAL, cuts text at NUL, and aborts the process on values it does not know.

import type { NativeStatement } from "./connection-holder.ts";
import type { RunResult, SqlRow, SqlValue } from "./driver.ts";
import { type ByteColumns, type BytesStatement, bytesRows, hasOtherColumns, prepareBytes } from "./libsql-bytes.ts";
import { type Bound, exactRow, type LibsqlDatabase, type NativeLibsqlStatement, readStatement, type TextState } from "./libsql-native.ts";
import { riskyColumns } from "./libsql-risk.ts";
import { checkedParameter } from "./parameters.ts";
import type { SqlInfo } from "./sql-text.ts";

/**
 * The binding reads text up to its first NUL. Text with NUL is rare, and reading all text as bytes costs twice, so the first such write
 * marks the file with this table, in its own transaction; marked files are read as bytes. What SQL itself makes is read as bytes in any file.
 */
export const nulTextTable = "_cuitty_nul_text";

export interface LibsqlStatementOptions {
  readonly sql: string;
  readonly info: SqlInfo;
  /** Shared by all statements of a connection. */
  readonly text: TextState;
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

/** Prepares a statement. Throws native errors. */
export function createLibsqlStatement(database: LibsqlDatabase, options: LibsqlStatementOptions): NativeStatement {
  const native = database.prepare(options.sql).safeIntegers(true);
  return native.reader ? createReader(database, native.raw(true), options) : createWriter(database, native, options);
}

/** Before a write that brings NUL: in the write's own transaction, so that the mark is there if and only if the text is. */
function markNul(database: LibsqlDatabase, text: TextState): void {
  database.exec(`CREATE TABLE IF NOT EXISTS ${nulTextTable} (note TEXT)`);
  text.mayHoldNul = true;
}

function createReader(database: LibsqlDatabase, native: NativeLibsqlStatement, options: LibsqlStatementOptions): NativeStatement {
  const { sql, info, text } = options;
  const source = { database, sql, info, text };
  const canBeBytes = info.kind === "write" || (info.kind === "read" && info.verb !== "EXPLAIN");
  let risky: ByteColumns | undefined;
  let examinedAt = -1;
  const bytes = new Map<boolean, BytesStatement>();
  // The binding's `get` does not reset before it binds: after `all`, or after an error, it would answer for the parameters of before.
  let single: NativeLibsqlStatement | undefined;
  // Of two statements the one that ran last knows the present schema.
  let latest = native;

  function examine(): void {
    risky = riskyColumns(options, () => database.prepare(sql).columns(), text.schema());
    examinedAt = text.schemaChanges;
  }

  /** Columns that have to be read as bytes now; undefined for none. */
  function byteColumns(): ByteColumns | undefined {
    if (!canBeBytes) return undefined;
    text.look();
    if (text.mayHoldNul) return "all";
    if (examinedAt !== text.schemaChanges) examine();
    return risky;
  }

  function readBytes(values: Bound[], wanted: ByteColumns, isFirst: boolean): SqlRow[] {
    let known = bytes.get(isFirst);
    const isOld =
      known === undefined || known.wanted !== wanted || (known.listedAt !== undefined && known.listedAt !== text.schemaVersion());
    if (known === undefined || isOld) known = prepareBytes(source, wanted, isFirst);
    try {
      bytes.set(isFirst, known);
      return bytesRows(known, values);
    } catch (error) {
      // The schema has changed under `SELECT *`.
      if (!hasOtherColumns(error)) throw error;
      examine();
      known = prepareBytes(source, wanted === "all" ? wanted : (risky ?? wanted), isFirst);
      bytes.set(isFirst, known);
      return bytesRows(known, values);
    }
  }

  function all(params: readonly SqlValue[]): SqlRow[] {
    const { values, hasNul } = bind(params);
    if (hasNul && info.kind === "write") markNul(database, text);
    const wanted = hasNul && canBeBytes ? "all" : byteColumns();
    if (wanted !== undefined) return readBytes(values, wanted, false);
    latest = native;
    const rows = native.all(values);
    // `all` leaves an EXPLAIN unfinished, and with it the connection in an old snapshot, which foreign commits make unwritable; `get` resets it.
    if (info.verb === "EXPLAIN") native.get(values);
    for (const row of rows) exactRow(row);
    return rows;
  }
  function getRow(values: Bound[]): SqlRow | undefined {
    single ??= readStatement(database, sql);
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
    // What is read as bytes has columns of its own: a fresh statement knows the present names.
    columns: () => (byteColumns() === undefined ? latest : database.prepare(sql)).columns().map(({ name }) => name),
    // `run` of the binding steps once and reports no changes for RETURNING.
    run: (params) => {
      all(params);
      const last = lastChange(database);
      return info.kind === "write" ? last : { ...last, changes: 0 };
    },
    all,
    get: (params) => {
      if (info.kind === "write") return all(params)[0];
      const wanted = byteColumns();
      const { values, hasNul } = bind(params);
      if (wanted !== undefined || (hasNul && canBeBytes)) return readBytes(values, wanted ?? "all", true)[0];
      return getRow(values);
    },
  };
}

const changesSchema = new Set(["CREATE", "ALTER", "DROP", "ATTACH", "DETACH"]);

function createWriter(database: LibsqlDatabase, native: NativeLibsqlStatement, { info, text }: LibsqlStatementOptions): NativeStatement {
  const run = (params: readonly SqlValue[]): RunResult => {
    const { values, hasNul } = bind(params);
    if (hasNul && info.kind === "write") markNul(database, text);
    const { changes, lastInsertRowid } = native.run(values);
    if (changesSchema.has(info.verb)) text.schemaChanges++;
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

function lastChange(database: LibsqlDatabase): RunResult {
  const row = exactRow(readStatement(database, "SELECT changes(), last_insert_rowid()").get([]) as Bound[]);
  return { changes: Number(row[0]), lastInsertRowid: row[1] as number | bigint };
}
