// The contract of a spool: where sealed batches wait while the server is away or the process is gone.

/** A sealed batch at rest. Its key and its events never change, so it may be sent again at any time. */
export interface SpooledBatch {
  /** Idempotency key, UUID v4. */
  readonly key: string;
  /** When it was sealed. Units: ms since 1970. */
  readonly sealedAtMs: number;
  /** The events as JSON texts on one line each, with their `id`. */
  readonly events: readonly string[];
}

/** Told about each batch that a spool gave up. */
export type SpoolLossListener = (batch: SpooledBatch, reason: "spool_full" | "expired") => void;

/**
 * Keeps batches. A `put` that returns nothing is taken as done at once, which lets a client save its events while the process ends.
 * A method that throws or rejects costs one warning a minute; the client then keeps the batch in memory.
 * One that has not answered after 3 s is gone on without: nothing is asked of the spool until it does.
 */
export interface SpoolAdapter {
  put(batch: SpooledBatch): void | Promise<void>;
  remove(key: string): void | Promise<void>;
  /** The oldest batch that is not held here and belongs to no other living client, made this client's own; it stays stored until `remove`. */
  claim(isHeld: (key: string) => boolean): SpooledBatch | undefined | Promise<SpooledBatch | undefined>;
  /** Called once, before anything else. */
  onLoss?(listener: SpoolLossListener): void;
  close?(): void;
}

/** A folder that keeps batches, and its limits. */
export interface DirectorySpoolOptions {
  /** Made when missing, readable by its owner only. */
  readonly directory: string;
  /** Oldest batches go first when the folder is full. Units: bytes. @default 67_108_864 */
  readonly maxBytes?: number | undefined;
  /** Units: ms. @default 604_800_000 (7 days) */
  readonly maxAgeMs?: number | undefined;
}

/** A folder (Node, Bun), `"indexeddb"` (browsers), or an adapter of your own. */
export type SpoolOption = string | DirectorySpoolOptions | SpoolAdapter;
