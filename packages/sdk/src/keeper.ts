// What the core asks of a spool; the code behind it is loaded by clients that have one.
import type { Batch } from "./batcher.ts";

/** Keeps batches in a spool. Nothing in it throws or rejects. */
export interface Keeper {
  /** Events of batches that were left to the spool and are not in memory. */
  readonly events: number;
  /** Makes a copy, if there is none; true when there is one. */
  store(batch: Batch): boolean | Promise<boolean>;
  /** As `store`, but waits for a few seconds at most. */
  secure(batch: Batch): Promise<unknown>;
  /** Ends the copy, if there is one. */
  forget(batch: Batch): void;
  /** Resolves when the spool has done all that it was asked for. */
  settled(): Promise<void>;
  /** Leaves a batch to the spool; it waits in memory for as long as it is not stored. */
  park(batch: Batch): void;
  /** Seals what is queued and leaves it to the spool. */
  absorb(): void;
  /** The next batch from the spool that is not in memory. Undefined also every other time when `isBusy`, so that new events get their turn. */
  claim(isBusy: boolean): Promise<Batch | undefined>;
}
