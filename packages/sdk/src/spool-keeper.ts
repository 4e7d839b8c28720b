// Keeps batches in a spool: which are there, which are also in memory, and what a spool that fails means.
import type { Batch } from "./batcher.ts";
import type { Core } from "./core.ts";
import type { Keeper } from "./keeper.ts";
import { hold, takeBatch, typeOf } from "./ledger.ts";
import type { SpoolAdapter } from "./spool.ts";

export function createKeeper(core: Core, adapter: SpoolAdapter): Keeper {
  const { stats, waiting, flying } = core;
  /** Events of batches that are only in the spool, by key. */
  const parked = new Map<string, number>();
  let events = 0;
  let isFreshNext = false;

  const isHeld = (key: string): Batch | undefined => [...flying, ...waiting].find((batch) => batch.key === key);

  function failed(batch: Batch, error: unknown): false {
    batch.isStored = false;
    stats.log("the spool failed", true, error);
    return false;
  }

  function store(batch: Batch): boolean | Promise<boolean> {
    if (batch.isStored) return true;
    try {
      const stored = adapter.put({ key: batch.key, sealedAtMs: batch.sealedAtMs, events: batch.events });
      batch.isStored = true;
      return stored
        ? stored.then(
            () => true,
            (error) => failed(batch, error),
          )
        : true;
    } catch (error) {
      return failed(batch, error);
    }
  }

  function leave(batch: Batch): void {
    hold(core, batch, -1);
    parked.set(batch.key, batch.events.length);
    events += batch.events.length;
  }

  /** Counts what comes back from the spool, or is lost there: as restored when an earlier process put it there. */
  function unpark(key: string, count: number): void {
    const own = parked.get(key);
    if (own === undefined) stats.counters.restored += count;
    else events -= own;
    parked.delete(key);
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
    forget(batch) {
      if (!batch.isStored) return;
      try {
        // What stays in the spool is sent once more under the same key, and a server that has it stores nothing.
        adapter.remove(batch.key)?.catch((error) => failed(batch, error));
      } catch (error) {
        failed(batch, error);
      }
    },
    park(batch) {
      const stored = store(batch);
      if (stored === true) {
        leave(batch);
        return;
      }
      waiting.push(batch);
      if (!stored) return;
      void stored.then((isStored) => {
        const index = waiting.indexOf(batch);
        if (!isStored || index < 0) return;
        waiting.splice(index, 1);
        leave(batch);
      });
    },
    absorb() {
      for (let batch = takeBatch(core); batch; batch = takeBatch(core)) this.park(batch);
    },
    async claim(isBusy) {
      isFreshNext = isBusy && !isFreshNext;
      if (isFreshNext) return undefined;
      try {
        const found = await adapter.claim((key) => !!isHeld(key));
        if (!found) return undefined;
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
