// Keeps batches in a spool: which are there, which are also in memory, and what a spool that fails means.
import type { Batch } from "./batcher.ts";
import type { Core } from "./core.ts";
import type { Keeper } from "./keeper.ts";
import { hold, takeBatch, typeOf } from "./ledger.ts";
import { createPatience, inTime } from "./patience.ts";
import type { SpoolAdapter } from "./spool.ts";

/** Keys that are remembered of batches that could not be removed. */
const maxEnded = 10_000;

export function createKeeper(core: Core, adapter: SpoolAdapter): Keeper {
  const { stats, waiting, flying } = core;
  /** Events of batches that are only in the spool, by key. */
  const parked = new Map<string, number>();
  /** Writes that an asynchronous spool has not finished. */
  const storing = new Map<Batch, Promise<boolean>>();
  /** Everything that an asynchronous spool has not finished; nothing in it rejects. */
  const running = new Set<Promise<unknown>>();
  /** Batches that are done with and not removed yet, by key; true when removing failed. */
  const ended = new Map<string, boolean>();
  const patience = createPatience(core);
  let events = 0;
  /** Keys that were parked since the last claim began. */
  const fresh = new Set<string>();
  let isFreshNext = false;

  const isHeld = (key: string): Batch | undefined => [...flying, ...waiting].find((batch) => batch.key === key);

  function failed(batch: Batch, error: unknown): false {
    batch.isStored = false;
    stats.log("the spool failed", true, error);
    return false;
  }

  function track(work: Promise<unknown>): void {
    running.add(work);
    void work.then(() => running.delete(work));
  }

  function store(batch: Batch): boolean | Promise<boolean> {
    if (batch.isStored) return storing.get(batch) ?? true;
    if (patience.isOut()) return false;
    // Before it is: a spool that is too small gives the batch up while it takes it.
    batch.isStored = true;
    try {
      const put = adapter.put({ key: batch.key, sealedAtMs: batch.sealedAtMs, events: batch.events });
      if (!put) return batch.isStored;
      const stored = put
        .then(
          () => !!batch.isStored,
          (error) => failed(batch, error),
        )
        .then((isStored) => {
          storing.delete(batch);
          return isStored;
        });
      storing.set(batch, stored);
      track(stored);
      void patience.wait(stored);
      return stored;
    } catch (error) {
      return failed(batch, error);
    }
  }

  /** What cannot be removed is left alone by this client; the next one sends it under the same key, and a server that has it stores nothing. */
  function remove(key: string): void {
    const notRemoved = (error: unknown): void => {
      if (ended.size < maxEnded) ended.set(key, true);
      stats.log("the spool failed", true, error);
    };
    // The claim that finds it tries again.
    if (patience.isOut()) {
      ended.set(key, true);
      return;
    }
    try {
      const removing = adapter.remove(key)?.then(() => void ended.delete(key), notRemoved);
      if (!removing) ended.delete(key);
      else {
        track(removing);
        void patience.wait(removing);
      }
    } catch (error) {
      notRemoved(error);
    }
  }

  function leave(batch: Batch): void {
    hold(core, batch, -1);
    parked.set(batch.key, batch.events.length);
    fresh.add(batch.key);
    events += batch.events.length;
  }

  /** Counts what comes back from the spool, or is lost there: as restored when an earlier process put it there. */
  function unpark(key: string, count: number): void {
    const own = parked.get(key);
    if (own === undefined) stats.counters.restored += count;
    else events -= own;
    parked.delete(key);
  }

  /** A spool without a batch for us has none of ours: another process has taken them, and counts them as restored. */
  function handOver(): void {
    for (const [key, count] of parked) {
      if (fresh.has(key)) continue;
      parked.delete(key);
      events -= count;
      stats.counters.restored -= count;
    }
  }

  adapter.onLoss?.((batch, reason) => {
    const copy = isHeld(batch.key);
    if (copy) copy.isStored = false;
    else {
      unpark(batch.key, batch.events.length);
      for (const event of batch.events) stats.drop(reason, typeOf(event));
    }
  });

  return {
    get events() {
      return events;
    },
    store,
    async secure(batch) {
      await inTime(store(batch), () => {});
    },
    forget(batch) {
      if (!batch.isStored) return;
      const { key } = batch;
      const pending = storing.get(batch);
      ended.set(key, false);
      // A batch that is removed before it is written would stay for ever.
      if (pending) track(pending.then(() => remove(key)));
      else remove(key);
    },
    async settled() {
      while (running.size) await Promise.all(running);
    },
    park(batch) {
      // It waits from the beginning: a spool that is too small for it gives it up at once, and memory still has it then.
      waiting.push(batch);
      const settle = (isStored: boolean): void => {
        const index = waiting.indexOf(batch);
        if (!isStored || index < 0) return;
        waiting.splice(index, 1);
        leave(batch);
      };
      const stored = store(batch);
      if (typeof stored === "boolean") settle(stored);
      else void stored.then(settle);
    },
    absorb() {
      for (let batch = takeBatch(core); batch; batch = takeBatch(core)) this.park(batch);
    },
    async claim(isBusy) {
      isFreshNext = isBusy && !isFreshNext;
      if (isFreshNext || patience.isOut()) return undefined;
      fresh.clear();
      try {
        const again: string[] = [];
        const claiming = adapter.claim((key) => {
          if (ended.get(key)) again.push(key);
          return ended.has(key) || !!isHeld(key);
        });
        const found = claiming && "then" in claiming ? await patience.wait(claiming) : claiming;
        again.forEach(remove);
        if (!found) {
          if (!patience.isOut()) handOver();
          return undefined;
        }
        unpark(found.key, found.events.length);
        const batch: Batch = { ...found, size: found.events.join().length, tries: 0, isStored: true };
        hold(core, batch);
        return batch;
      } catch (error) {
        stats.log("the spool failed", true, error);
        return undefined;
      }
    },
  };
}
