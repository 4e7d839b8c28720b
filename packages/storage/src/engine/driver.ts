// The contract every SQLite engine fulfils: synchronous, positional parameters, rows as arrays, every SQLite value exact.

import type { SqlKind } from "./sql-text.ts";

/** A SQLite value. Integers within ±(2^53-1) are numbers, larger ones bigint; blobs are Uint8Array (Buffer on Node). */
export type SqlValue = null | number | bigint | string | Uint8Array;

/** A row in select order; same-named columns stay apart. */
export type SqlRow = SqlValue[];

/** The SQLite library behind a driver. */
export type EngineName = "honker" | "libsql";

/** SQLite's `synchronous` level. FULL: a commit is on disk when it returns. NORMAL: it survives a crash of the process, not of the machine. */
export type Synchronous = "FULL" | "NORMAL" | "OFF";

/** What a statement changed. */
export interface RunResult {
  /** Rows changed by this statement alone. */
  readonly changes: number;
  readonly lastInsertRowid: number | bigint;
}

/** A prepared statement; cached by SQL text inside the driver, valid until the driver closes. */
export interface Statement {
  readonly sql: string;
  /** What the statement may do. */
  readonly kind?: SqlKind;
  /** Column names in select order; empty for a statement that returns no rows. */
  readonly columns: readonly string[];
  run(params?: readonly SqlValue[]): RunResult;
  all(params?: readonly SqlValue[]): SqlRow[];
  get(params?: readonly SqlValue[]): SqlRow | undefined;
}

/**
 * One open SQLite file. Everything is synchronous; one driver is used by one thread.
 * Errors: CuittyError with `constraint` (details: kind, table, columns), `busy`, `full`, `corrupt`, `readonly`, `io`, `closed`, `invalid_parameter`, `sql`.
 */
export interface Driver {
  readonly engine: EngineName;
  /** Absolute path of the file. */
  readonly path: string;
  readonly sqliteVersion: string;
  readonly inTransaction: boolean;
  prepare(sql: string): Statement;
  /** A reading statement that sees committed rows alone, also while a transaction is open on this driver. Errors: `sql` for one that may write. */
  prepareCommitted(sql: string): Statement;
  /** Runs a script of several statements without parameters. */
  exec(sql: string): void;
  /** BEGIN IMMEDIATE … COMMIT around `body`, ROLLBACK when it throws; nested calls become savepoints. `body` must not return a promise. */
  transaction<T>(body: () => T): T;
  /** Called after a commit that reached the file, never after a rollback. Returns the unsubscriber. */
  onCommit(listener: () => void): () => void;
  /** Idempotent. Checkpoints what it can first. */
  close(): void;
}
