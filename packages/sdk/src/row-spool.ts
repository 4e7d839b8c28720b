// A spool over anything that keeps values under keys and lists them: the limits, the order and the claims.
import type { SpoolAdapter, SpooledBatch, SpoolLossListener } from "./spool.ts";

/** How much a spool keeps, and for how long. */
export interface RowSpoolLimits {
  /** Oldest batches go first when more is kept. Units: UTF-16 code units of JSON. @default 16_777_216 */
  readonly maxSize?: number | undefined;
  /** Units: ms. @default 604_800_000 (7 days) */
  readonly maxAgeMs?: number | undefined;
}

/** What a row spool stands on. */
export interface SpoolRows {
  put(batch: SpooledBatch): Promise<void>;
  get(key: string): Promise<SpooledBatch | undefined>;
  remove(key: string): Promise<void>;
  /** Everything there is, without the events. */
  list(): Promise<readonly SpooledRow[]>;
}

export interface SpooledRow {
  readonly key: string;
  readonly sealedAtMs: number;
  readonly size: number;
}

/** How long a batch that another tab may be sending is left alone: sending it twice is harmless, but useless. Units: ms. */
const rescanMs = 30_000;

/** A spool with limits over rows. Several clients may share the rows: a batch that two of them send is stored once. */
export function createRowSpool(rows: SpoolRows, { maxSize = 2 ** 24, maxAgeMs = 7 * 24 * 3_600_000 }: RowSpoolLimits = {}): SpoolAdapter {
  let known: SpooledRow[] | undefined;
  let scannedAtMs = 0;
  let onLoss: SpoolLossListener = () => {};

  async function scan(): Promise<SpooledRow[]> {
    const isFresh = known && performance.now() - scannedAtMs < rescanMs;
    if (!known || !isFresh) {
      scannedAtMs = performance.now();
      known = [...(await rows.list())].sort((a, b) => a.sealedAtMs - b.sealedAtMs);
    }
    return known;
  }

  async function remove(key: string): Promise<void> {
    known = known?.filter((row) => row.key !== key);
    await rows.remove(key);
  }

  async function lose(key: string, reason: "spool_full" | "expired"): Promise<void> {
    const batch = await rows.get(key);
    await remove(key);
    if (batch) onLoss(batch, reason);
  }

  return {
    remove,
    onLoss(listener) {
      onLoss = listener;
    },
    async put(batch) {
      // Started before anything is awaited: a page that goes away may still finish it.
      const stored = rows.put(batch);
      // Where listing fails first, nobody waits for it any more.
      stored.catch(() => undefined);
      const all = await scan();
      if (!all.some((row) => row.key === batch.key)) all.push({ key: batch.key, sealedAtMs: batch.sealedAtMs, size: sizeOf(batch) });
      await stored;
      let total = all.reduce((sum, row) => sum + row.size, 0);
      for (const row of [...all]) {
        if (total <= maxSize) break;
        total -= row.size;
        await lose(row.key, "spool_full");
      }
    },
    async claim(isHeld) {
      for (const row of [...(await scan())]) {
        if (isHeld(row.key)) continue;
        if (Date.now() - row.sealedAtMs > maxAgeMs) await lose(row.key, "expired");
        else {
          const batch = await rows.get(row.key);
          if (batch) return batch;
          await remove(row.key);
        }
      }
      return undefined;
    },
  };
}

export const sizeOf = ({ events }: SpooledBatch): number => events.reduce((sum, event) => sum + event.length, 0);
