// Every event the client holds: queued, sealed, on its way or in the spool. An event leaves by exactly one way, and each way is counted.
import { type Batch, childOf, maxBatchBytes, maxBatchEvents, seal, typeOf } from "./batcher.ts";
import { createQueue, type Queue } from "./queue.ts";
import type { Rejection } from "./sender.ts";
import type { SpoolAdapter } from "./spool.ts";
import type { DropReason, Stats } from "./stats.ts";

const maxEvents = 10_000;
const maxBytes = 8 * 1_048_576;
const maxEventBytes = 256 * 1_024;

export interface Ledger {
  readonly queue: Queue;
  /** Order of the newest event. */
  readonly seq: number;
  /** Events held in memory or in the spool. */
  readonly pending: number;
  /** Units: UTF-8 bytes in memory. */
  readonly bytes: number;
  /** Batches that wait in memory. */
  readonly waiting: readonly Batch[];
  /** Takes one serialised event in, or counts what it or an older one is lost for. */
  add(text: string, bytes: number, type: string): void;
  /** The next batch to send: one that waits, one from the spool, or one sealed now when `isDue`. */
  next(isDue: () => boolean): Promise<Batch | undefined>;
  /** Puts a batch back to the head. */
  putBack(batch: Batch): void;
  settle(batch: Batch, rejected: readonly Rejection[]): void;
  lose(batch: Batch, reason: DropReason, message?: string): void;
  /** Makes two batches of one. False when there is only one event. */
  split(batch: Batch): boolean;
  /** Takes out events that are not JSON (raw ones a producer got wrong). False when all are. */
  purge(batch: Batch): boolean;
  /** Leaves a batch to the spool and frees its memory. False when it cannot be stored. */
  park(batch: Batch): boolean;
  /** Seals what is queued and leaves it to the spool, if there is one. */
  parkQueue(): void;
  /** Writes everything to the spool at once, and keeps it in memory too. */
  spill(): void;
  /** Opens the spool. One that cannot be opened is told once; the client goes on without. */
  useSpool(open: () => SpoolAdapter | Promise<SpoolAdapter>): void;
  /** Leaves everything to the spool; counts as lost what it does not take. */
  close(): Promise<void>;
}

export function createLedger(stats: Stats, isWal: boolean): Ledger {
  const queue = createQueue();
  const held = new Map<string, Batch>();
  const parked = new Map<string, number>();
  const waiting: Batch[] = [];
  const { counters } = stats;
  let seq = 0;
  let heldEvents = 0;
  let heldBytes = 0;
  let parkedEvents = 0;
  let batchEvents = maxBatchEvents;
  let spool: SpoolAdapter | undefined;
  let opening: Promise<void> | undefined;
  let isFreshNext = false;

  function hold(batch: Batch): Batch {
    held.set(batch.key, batch);
    heldEvents += batch.events.length;
    heldBytes += batch.bytes;
    return batch;
  }

  function release(batch: Batch): void {
    if (!held.delete(batch.key)) return;
    heldEvents -= batch.events.length;
    heldBytes -= batch.bytes;
  }

  /** Makes a copy in the spool; true when there is one. */
  function store(batch: Batch): boolean | Promise<boolean> {
    const failed = (error: unknown): boolean => {
      stats.warn(`the spool failed: ${String(error)}`);
      return false;
    };
    if (!spool || batch.isSpooled) return !!spool;
    try {
      const stored = spool.put(batch);
      batch.isSpooled = true;
      return stored
        ? stored.then(
            () => true,
            (error: unknown) => (batch.isSpooled = failed(error)),
          )
        : true;
    } catch (error) {
      return failed(error);
    }
  }

  function forget(batch: Batch): void {
    try {
      if (batch.isSpooled) spool?.remove(batch.key)?.catch(() => undefined);
    } catch {
      // What stays in the spool is sent once more under the same key, and a server that has it stores nothing.
    }
  }

  function leave(batch: Batch): void {
    release(batch);
    parked.set(batch.key, batch.events.length);
    parkedEvents += batch.events.length;
  }

  function park(batch: Batch): boolean {
    const stored = store(batch);
    if (stored === true) leave(batch);
    else if (stored) {
      waiting.push(batch);
      void stored.then((isStored) => {
        const index = waiting.indexOf(batch);
        if (!isStored || index < 0) return;
        waiting.splice(index, 1);
        leave(batch);
      });
    }
    return !!stored;
  }

  function sealNext(): Batch | undefined {
    const batch = seal(queue, batchEvents, maxBatchBytes);
    return batch && hold(batch);
  }

  function parkQueue(): void {
    while (spool && queue.size) {
      const batch = sealNext();
      if (batch && !park(batch)) {
        waiting.push(batch);
        return;
      }
    }
  }

  /** Takes a batch out of `parked`; counts it as restored when it came from an earlier process. */
  function unpark(key: string, events: readonly string[]): void {
    const own = parked.get(key);
    if (own === undefined) counters.restored += events.length;
    else parkedEvents -= own;
    parked.delete(key);
  }

  async function claim(): Promise<Batch | undefined> {
    try {
      const found = await spool?.claim((key) => held.has(key));
      if (!found) return undefined;
      unpark(found.key, found.events);
      return hold({ ...found, bytes: found.events.join().length, tries: 0, isSpooled: true });
    } catch (error) {
      stats.warn(`the spool failed: ${String(error)}`);
      return undefined;
    }
  }

  function install(adapter: SpoolAdapter): void {
    spool = adapter;
    adapter.onLoss?.((batch, reason) => {
      const copy = held.get(batch.key);
      if (copy) copy.isSpooled = false;
      else {
        unpark(batch.key, batch.events);
        for (const event of batch.events) stats.drop(reason, typeOf(event));
      }
    });
  }

  async function sealDue(isDue: () => boolean): Promise<Batch | undefined> {
    const batch = isDue() ? sealNext() : undefined;
    if (batch && isWal) await store(batch);
    return batch;
  }

  function replace(batch: Batch, parts: readonly (readonly string[])[]): void {
    const children = parts.map((events, index) => hold(childOf(batch, index, events)));
    // Children are stored before their parent is forgotten: a crash in between sends both, and event ids make that harmless.
    if (batch.isSpooled) children.forEach(store);
    waiting.unshift(...children);
    release(batch);
    forget(batch);
  }

  return {
    queue,
    waiting,
    get seq() {
      return seq;
    },
    get pending() {
      return queue.size + heldEvents + parkedEvents;
    },
    get bytes() {
      return queue.bytes + heldBytes;
    },
    park,
    parkQueue,
    add(text, bytes, type) {
      if (bytes > maxEventBytes) return stats.drop("too_large", type);
      const isFull = (): boolean => queue.size + heldEvents >= maxEvents || queue.bytes + heldBytes + bytes > maxBytes;
      if (isFull()) parkQueue();
      while (isFull()) {
        const victim = queue.evictFor(type);
        stats.drop("queue_overflow", victim?.type ?? type);
        if (!victim) return;
      }
      queue.push({ text, bytes, type, seq: ++seq });
    },
    async next(isDue) {
      await opening;
      const batch = waiting.shift();
      if (batch) return batch;
      // Old and new take turns, so that a long backlog does not hold up what happens now.
      isFreshNext = !isFreshNext;
      return isFreshNext ? ((await sealDue(isDue)) ?? (await claim())) : ((await claim()) ?? (await sealDue(isDue)));
    },
    putBack(batch) {
      if (held.has(batch.key)) waiting.unshift(batch);
    },
    settle(batch, rejected) {
      release(batch);
      forget(batch);
      batchEvents = Math.min(maxBatchEvents, Math.ceil(batchEvents * 1.1));
      const refused = new Map(rejected.map(({ index, reason }) => [index, reason]));
      let count = 0;
      batch.events.forEach((event, index) => {
        if (!refused.has(index)) return;
        count++;
        stats.drop("rejected", typeOf(event), String(refused.get(index)));
      });
      counters.sent += batch.events.length - count;
      stats.fire("sent", { key: batch.key, accepted: batch.events.length - count, rejected: count });
    },
    lose(batch, reason, message) {
      release(batch);
      forget(batch);
      for (const event of batch.events) stats.drop(reason, typeOf(event), message);
    },
    split(batch) {
      const half = Math.ceil(batch.events.length / 2);
      if (batch.events.length < 2) return false;
      batchEvents = half;
      replace(batch, [batch.events.slice(0, half), batch.events.slice(half)]);
      return true;
    },
    purge(batch) {
      const good = batch.events.filter(isJson);
      if (good.length === batch.events.length) return false;
      for (const event of batch.events) if (!isJson(event)) stats.drop("unserializable", typeOf(event));
      replace(batch, good.length ? [good] : []);
      return true;
    },
    spill() {
      while (spool && queue.size) waiting.push(sealNext() as Batch);
      for (const batch of held.values()) store(batch);
    },
    useSpool(open) {
      const failed = (error: unknown): void => stats.warn(`the spool cannot be opened: ${String(error)}`);
      try {
        const opened = open();
        if ("then" in opened) opening = opened.then(install, failed);
        else install(opened);
      } catch (error) {
        failed(error);
      }
    },
    async close() {
      await opening;
      while (queue.size) sealNext();
      waiting.length = 0;
      for (const batch of [...held.values()]) {
        if (await store(batch)) leave(batch);
        else this.lose(batch, "closed");
      }
    },
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
