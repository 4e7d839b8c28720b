// The libSQL engine: the `libsql` binding, synchronous, with its traps closed (it aborts the process on values and shapes that it does not know).
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Driver, RunResult, SqlRow, SqlValue, Synchronous } from "./driver.ts";
import { createDriverCore, type NativeConnection, type NativeStatement } from "./driver-core.ts";
import { loadNative } from "./native-module.ts";
import { checkedParameter } from "./parameters.ts";

type Bound = null | number | bigint | string | Uint8Array;

interface LibsqlStatement {
  readonly reader: boolean;
  raw(on: boolean): this;
  safeIntegers(on: boolean): this;
  columns(): { name: string }[];
  run(params: Bound[]): { changes: number; lastInsertRowid: number };
  get(params: Bound[]): Bound[] | undefined;
  all(params: Bound[]): Bound[][];
}

interface LibsqlDatabase {
  readonly inTransaction: boolean;
  prepare(sql: string): LibsqlStatement;
  exec(sql: string): void;
  close(): void;
}

type LibsqlConstructor = new (path: string, options: { timeout: number }) => LibsqlDatabase;

/** What a connection is set to; `synchronous` may be raised while it is open and survives a reconnect. */
export interface LibsqlSettings {
  readonly busyTimeoutMs: number;
  synchronous: Synchronous;
}

const levels: readonly Synchronous[] = ["FULL", "NORMAL", "OFF"];

/** Defaults and checks of the engine's options. Errors: `invalid_option`. */
export function libsqlSettings({ busyTimeoutMs = 1_000, synchronous = "FULL" }: Partial<LibsqlSettings>): LibsqlSettings {
  if (!Number.isSafeInteger(busyTimeoutMs) || busyTimeoutMs < 0) {
    throw new CuittyError("invalid_option", `busyTimeoutMs: expected a whole number of ms from 0, got ${String(busyTimeoutMs)}`);
  }
  if (!levels.includes(synchronous)) {
    throw new CuittyError("invalid_option", `synchronous: expected FULL, NORMAL or OFF, got ${String(synchronous)}`);
  }
  return { busyTimeoutMs, synchronous };
}

/** The binding stores every JS number as REAL; a whole number has to travel as bigint to become an INTEGER. -0 is only a REAL. */
function bind(params: readonly SqlValue[]): Bound[] {
  const bound = new Array<Bound>(params.length);
  for (let index = 0; index < params.length; index++) {
    const value = checkedParameter(params[index], index);
    bound[index] = typeof value === "number" && Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value;
  }
  return bound;
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

function exactRows(rows: Bound[][]): SqlRow[] {
  for (const row of rows) exactRow(row);
  return rows;
}

function createStatement(database: LibsqlDatabase, sql: string): NativeStatement {
  const statement = database.prepare(sql).safeIntegers(true);
  if (!statement.reader) return createWriter(database, statement);
  statement.raw(true);
  const all = (params: readonly SqlValue[]) => exactRows(statement.all(bind(params)));
  return {
    columns: () => statement.columns().map((column) => column.name),
    // `run` of the binding steps once and reports no changes for RETURNING.
    run: (params) => {
      all(params);
      return lastChange(database);
    },
    all,
    get: (params) => {
      const row = statement.get(bind(params));
      return row === undefined ? undefined : exactRow(row);
    },
  };
}

function createWriter(database: LibsqlDatabase, statement: LibsqlStatement): NativeStatement {
  const run = (params: readonly SqlValue[]): RunResult => {
    const { changes, lastInsertRowid } = statement.run(bind(params));
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
  const row = exactRow(database.prepare("SELECT changes(), last_insert_rowid()").safeIntegers(true).raw(true).get([])!);
  return { changes: Number(row[0]), lastInsertRowid: row[1] as number | bigint };
}

function connect(path: string, settings: LibsqlSettings): NativeConnection {
  const Database = loadNative<LibsqlConstructor>("libsql");
  const database = new Database(path, { timeout: openTimeoutMs });
  try {
    if (path !== ":memory:") database.exec("PRAGMA journal_mode = WAL");
    database.exec(`PRAGMA synchronous = ${settings.synchronous}`);
    database.exec("PRAGMA foreign_keys = ON");
    database.exec(`PRAGMA busy_timeout = ${settings.busyTimeoutMs}`);
  } catch (error) {
    database.close();
    throw error;
  }
  return {
    get inTransaction() {
      return database.inTransaction;
    },
    prepare: (sql) => createStatement(database, sql),
    execute: (sql) => database.exec(sql),
    close: () => database.close(),
  };
}

/** Changing the journal mode of a new file needs the lock for a moment; another process may be doing just that. */
const openTimeoutMs = 1_000;

/** Connects to a file or ":memory:" without asking the registry: use `openLibsql`. Errors: those of Driver. */
export function connectLibsql(path: string, settings: LibsqlSettings): Driver {
  return createDriverCore({
    engine: "libsql",
    path,
    connect: () => connect(path, settings),
    wrapsAutocommit: true,
    reconnectsAfterBusy: true,
  });
}
