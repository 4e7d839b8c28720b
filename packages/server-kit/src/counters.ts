// What the kit counts about itself.
import type { BatchResult } from "./ingest/stage.ts";

export interface KitCounters {
  readonly requests: number;
  /** Answers by status. */
  readonly repliesByStatus: Readonly<Record<string, number>>;
  readonly acceptedBatches: number;
  readonly acceptedEvents: number;
  readonly duplicateEvents: number;
  readonly rejectedEvents: number;
  readonly replayedBatches: number;
  /** Bytes of bodies as received. */
  readonly bodyBytes: number;
}

export interface Counters {
  reply(status: number): void;
  batch(result: BatchResult | null, bodyBytes: number): void;
  read(): KitCounters;
}

export function createCounters(): Counters {
  const totals = {
    requests: 0,
    acceptedBatches: 0,
    acceptedEvents: 0,
    duplicateEvents: 0,
    rejectedEvents: 0,
    replayedBatches: 0,
    bodyBytes: 0,
  };
  const repliesByStatus = new Map<number, number>();
  return {
    reply(status) {
      totals.requests += 1;
      repliesByStatus.set(status, (repliesByStatus.get(status) ?? 0) + 1);
    },
    batch(result, bodyBytes) {
      totals.bodyBytes += bodyBytes;
      if (result === null) return;
      if (result.isReplay) totals.replayedBatches += 1;
      else {
        totals.acceptedBatches += 1;
        totals.acceptedEvents += result.accepted;
        totals.duplicateEvents += result.duplicate;
        totals.rejectedEvents += result.rejected;
      }
    },
    read: () => ({ ...totals, repliesByStatus: Object.fromEntries(repliesByStatus) }),
  };
}
