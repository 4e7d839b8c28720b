// What a libSQL file offers: synchronous reads, and writes in groups that commit together.
import type { Driver, SqlRow, SqlValue, Statement, Synchronous } from "../engine/driver.ts";
import type { FileKind } from "../migrate/ledger.ts";
import type { Migration } from "../module-file/types.ts";

export interface FileOptions {
  /** Path of the file; made if missing, readable by its owner alone. Its folder must exist. */
  readonly path: string;
  /** Kind of file, or an `application_id` of one's own: a file of another kind is refused. @default "module" */
  readonly kind?: FileKind | number | undefined;
  /** Brought up to date under the writer lock before `openFile` resolves. Without a list the schema is somebody else's: nothing is checked or applied. */
  readonly migrations?: readonly Migration[] | undefined;
  /** How long a write tries again against a lock held by another process, without blocking the event loop. Units: ms. @default 200 */
  readonly busyTimeoutMs?: number | undefined;
  /** FULL: a resolved write is on disk. @default "FULL" */
  readonly synchronous?: Synchronous | undefined;
  /** Pages kept in memory. Units: KiB. @default 16384 */
  readonly cacheKiB?: number | undefined;
  /** Pages of log (4 KiB each) after which a commit copies them into the file. @default 4096 */
  readonly checkpointPages?: number | undefined;
  /**
   * Nobody else writes the file while it is open; an owner lease (`acquireOwnerLease`) sees to that. A single writing statement outside `write` then
   * commits by itself, without a BEGIN and a COMMIT around it. A lock that somebody holds all the same gives `busy`, as ever. @default false
   */
  readonly isOwned?: boolean | undefined;
}

export interface WriteOptions {
  /** Rows this write counts for in its group. @default 1 */
  readonly rows?: number | undefined;
  /** Bytes this write counts for in its group. @default 0 */
  readonly bytes?: number | undefined;
  /** Take no other write into this transaction. @default false */
  readonly alone?: boolean | undefined;
  /** Stops waiting in the queue; a write whose group has begun is finished. Rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Counters of a file since it was opened. */
export interface FileStats {
  readonly commits: number;
  /** Rows that the commits counted for. */
  readonly rows: number;
  /** Writes per commit, mean. */
  readonly groupSize: number;
  readonly queued: number;
  readonly walBytes: number;
}

/** What an examination of a file has found. */
export interface DoctorReport {
  readonly path: string;
  readonly engine: string;
  readonly sqliteVersion: string;
  readonly journalMode: string;
  readonly synchronous: string;
  readonly foreignKeys: boolean;
  readonly applicationId: number;
  readonly userVersion: number;
  readonly sizeBytes: number;
  readonly walBytes: number;
  readonly freeBytes: number;
  /** Empty when the file is whole; else SQLite's findings, broken references, and stored text that is no UTF-8 (reading it as text ends the process). */
  readonly problems: readonly string[];
  /** What to know about this engine and file. */
  readonly notes: readonly string[];
}

/** A libSQL file with one connection and a FIFO writer in front of it. Several opens of one path in one process share the connection. */
export interface StorageFile {
  readonly path: string;
  /** The connection, for reads and for code that runs on any engine. Writes on it stand outside the queue: they commit one by one and meet locks at once. */
  readonly driver: Driver;
  /** A cached statement. Reads are synchronous; use writing statements inside `write` bodies. */
  prepare(sql: string): Statement;
  /** Reads committed rows. Errors: those of Driver, `sql` for a statement that may write. */
  all(sql: string, params?: readonly SqlValue[]): SqlRow[];
  get(sql: string, params?: readonly SqlValue[]): SqlRow | undefined;
  /**
   * Runs `body` inside the transaction of its group; resolves with its result after the commit is synced. FIFO.
   * Bodies that wait share one commit. When one throws, the group is rolled back and every body is run again alone: only the bad one rejects,
   * so a body must have no effect outside the file. A body must not be async: that is `async_transaction`, and its statements are rolled back.
   * Errors: what `body` threw, also nothing; `invalid_option` at once; `async_transaction`, `busy` (another process, or a transaction left open on `driver`), `full`, `readonly`, `io` (retryable), `constraint`, `corrupt`, `closed`.
   */
  write<T>(body: () => T, options?: WriteOptions): Promise<T>;
  /** Called after each commit. Returns the unsubscriber. */
  onCommit(listener: () => void): () => void;
  /** Writes a consistent, synced copy to a path that must not exist. Errors: `backup_exists`, `full`, `io`, `readonly`. */
  backup(path: string): Promise<void>;
  /** Checks integrity and stored text (reads the whole file) and reports. */
  doctor(): Promise<DoctorReport>;
  stats(): FileStats;
  /** Finishes what is queued, checkpoints, closes. Idempotent. */
  close(): Promise<void>;
}
