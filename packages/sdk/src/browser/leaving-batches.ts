// Batches of a page that goes away: Safari gives up what a page still writes to IndexedDB then, localStorage takes it at once.
import type { SpooledBatch } from "../spool.ts";

export interface LeavingBatches {
  /** Watches over a batch until it is stored: when the page goes away before, it is written aside. */
  guard(batch: SpooledBatch, storing: Promise<void>): Promise<void>;
  /** What earlier pages wrote aside, and what other tabs may still be storing. */
  left(): SpooledBatch[];
  forget(key: string): void;
  close(): void;
}

/** Undefined where nothing can be kept, and in workers, which do not go away with their page's last event. */
export function createLeavingBatches(name: string): LeavingBatches | undefined {
  const storage = storageHere();
  if (!storage || !globalThis.document) return undefined;
  const prefix = `${name}/`;
  const unstored = new Map<string, SpooledBatch>();
  const aside = new Set<string>();
  let isLeaving = false;

  function keep(batch: SpooledBatch): void {
    try {
      storage?.setItem(prefix + batch.key, JSON.stringify(batch));
      aside.add(batch.key);
    } catch {
      // No room: IndexedDB may have it all the same.
    }
  }

  function forget(key: string): void {
    aside.delete(key);
    storage?.removeItem(prefix + key);
  }

  function leave({ type }: Event): void {
    if (type === "visibilitychange" && document.visibilityState !== "hidden") return;
    // Also what other listeners of this moment make the client store.
    isLeaving = true;
    setTimeout(() => {
      isLeaving = false;
    });
    for (const batch of unstored.values()) keep(batch);
  }

  const events = ["pagehide", "visibilitychange"];
  for (const event of events) addEventListener(event, leave, true);
  return {
    async guard(batch, storing) {
      unstored.set(batch.key, batch);
      if (isLeaving) keep(batch);
      try {
        await storing;
      } finally {
        // The page lives on: it is stored, or still in memory.
        unstored.delete(batch.key);
        if (aside.has(batch.key)) forget(batch.key);
      }
    },
    left: () => Object.keys(storage).flatMap((key) => (key.startsWith(prefix) ? batchOf(storage.getItem(key)) : [])),
    forget,
    close() {
      for (const event of events) removeEventListener(event, leave, true);
    },
  };
}

/** Reading the property throws where a page may keep nothing. */
function storageHere(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}

/** Scripts of the page can write there as well: what is no batch is left alone. */
function batchOf(text: string | null): SpooledBatch[] {
  try {
    const { key, sealedAtMs, events } = JSON.parse(text ?? "") as SpooledBatch;
    const isBatch = typeof key === "string" && typeof sealedAtMs === "number" && Array.isArray(events);
    return isBatch && events.every((event) => typeof event === "string") ? [{ key, sealedAtMs, events }] : [];
  } catch {
    return [];
  }
}
