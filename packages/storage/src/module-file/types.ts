// What a module file promises its callers: grouped durable writes with an inbox row per idempotency key.
import type { Driver, SqlRow, SqlValue } from "../engine/driver.ts";
import type { DoctorReport } from "../file/types.ts";
import type { ProcedureCall } from "./procedure.ts";

/** Rows for one table, written with multi-row prepared statements. */
export interface RowInsert {
  readonly table: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlValue[])[];
  /** `ignore`: a row that meets a UNIQUE constraint is a known one, counted as duplicate. `error`: it fails the whole write. @default "error" */
  readonly onConflict?: "error" | "ignore";
}

/** Any other statement that belongs into the same transaction. */
export interface SqlStatement {
  readonly sql: string;
  readonly params?: readonly SqlValue[];
}

/** Reads and writes inside the group's open transaction; only for what depends on rows already there, such as a hash chain. */
export interface WriteTransaction {
  all(sql: string, params?: readonly SqlValue[]): SqlRow[];
  run(sql: string, params?: readonly SqlValue[]): number;
  insert(insert: RowInsert): number;
}

/** Rows that were new, and rows that were known already. */
export interface WriteCounts {
  readonly inserted: number;
  readonly duplicate: number;
}

/** One request's part for this file. Everything in it commits together with its inbox row, or nothing does. */
export interface IngestWrite {
  readonly projectId: string;
  /** Without a key there is no inbox row; event ids alone then prevent duplicates. */
  readonly idempotencyKey?: string | undefined;
  /** SHA-256 of the decoded request body, 32 bytes; a replay with another fingerprint is a `mismatch`. */
  readonly fingerprint?: Uint8Array | undefined;
  /** JSON stored with the inbox row and handed back on replay, so that a reply is never recomputed. */
  readonly note?: string | undefined;
  readonly statements: readonly (RowInsert | SqlStatement)[];
  /**
   * How many events the rows are of, where each is counted once however many rows it has: those that no counted row stands for are new.
   * @default as many as there are counted rows
   */
  readonly events?: number | undefined;
  /**
   * Runs inside the transaction after the inbox row and before `statements`; returns how many of its rows were new and how many known.
   * A function shares no group with others where the file is on a storage thread; a procedure that the thread knows does.
   */
  readonly interactive?: ((tx: WriteTransaction) => WriteCounts) | ProcedureCall | undefined;
  readonly nowMs: number;
}

/** What became of a batch. */
export type IngestOutcome =
  /** `inserted` and `duplicate` count rows of RowInserts with `onConflict: "ignore"` plus what `interactive` returned; with `events` they add up to it. */
  | { readonly status: "written"; readonly inserted: number; readonly duplicate: number; readonly note: string | null }
  | { readonly status: "replayed"; readonly inserted: number; readonly duplicate: number; readonly note: string | null }
  | { readonly status: "mismatch" };

/** One migration of a file: statements run in order in one transaction; checksummed, forward only. */
export interface Migration {
  /** 1, 2, 3 … without gaps. */
  readonly version: number;
  readonly name: string;
  readonly statements: readonly string[];
  /** The migration drops and recreates a table that others reference: foreign keys are off around it and checked before it commits. @default false */
  readonly rebuild?: boolean;
}

export interface ModuleFileOptions {
  /** Path of the file, or a `libsql:`, `https:` or `http:` URL. */
  readonly location: string;
  readonly authToken?: string | undefined;
  readonly migrations: readonly Migration[];
  /** How long the writer tries again against a lock held by another process. Units: ms. @default 200 */
  readonly busyTimeoutMs?: number | undefined;
}

export interface ModuleFileStats {
  readonly commits: number;
  readonly rows: number;
  /** Requests per commit, mean. */
  readonly groupSize: number;
  readonly queued: number;
  readonly walBytes: number;
}

/**
 * A SQLite file behind a FIFO writer with group commit. `write` resolves after the commit that holds it is synced.
 * Errors: `busy`, `full`, `readonly`, `io` (retryable), `constraint`, `corrupt`, `closed`.
 */
export interface ModuleFile {
  readonly location: string;
  /** Queues one request's rows. @param signal stops waiting in the queue; a write whose group has begun is finished. */
  write(request: IngestWrite, options?: { readonly signal?: AbortSignal }): Promise<IngestOutcome>;
  /** Queues a transaction of its own for jobs, retention and outbox work; FIFO with the writes. */
  transact<T>(body: (tx: WriteTransaction) => T): Promise<T>;
  /** Reads committed rows. */
  all(sql: string, params?: readonly SqlValue[]): Promise<SqlRow[]>;
  /** Deletes inbox rows older than `beforeMs`, at most 500 a call. Returns how many. */
  sweepInbox(beforeMs: number): Promise<number>;
  /** Writes a consistent copy to `path` (VACUUM INTO) while writes go on. */
  backup(path: string): Promise<void>;
  /** Local files: engine, version, sizes and integrity; reads the whole file. */
  doctor?(): Promise<DoctorReport>;
  /** Local files of this thread: the connection, for reads through Drizzle (`drizzle(file.driver)`). Writes belong into `write` and `transact`. */
  readonly driver?: Driver;
  stats(): ModuleFileStats;
  /** Waits for what is queued, checkpoints, closes. Idempotent. */
  close(): Promise<void>;
}
