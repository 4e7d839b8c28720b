// Events that wait to be sealed: two lanes, first in first out, bounded together with everything sealed that is still in memory.
import { type Batch, type QueuedEvent, seal } from "./batcher.ts";
import type { Stats } from "./stats.ts";

/** Bounds over everything in memory. */
const maxEvents = 10_000;
const maxBytes = 8 * 2 ** 20;
const maxEventBytes = 2 ** 18;
/** Most events and bytes of one request. */
const maxBatchEvents = 1_000;
export const maxBatchBytes = 2 ** 20;

export interface Buffer {
  /** Everything in memory, queued or sealed. */
  readonly held: { events: number; bytes: number };
  /** Events that wait to be sealed, and their bytes. */
  readonly queued: { events: number; bytes: number };
  /** Takes an event in, or counts what it or an older one is lost for. */
  push(text: string, size: number, type: string): void;
  /** Seals the oldest events, of at most `bytes` together. Undefined when nothing waits. */
  take(bytes?: number): Batch | undefined;
  /** Most events of a batch from now on: what a server could not take at once is not sent at once again. */
  limit(events: number): void;
}

/** Types that come in masses and are given up first. */
const isBulk = (type: string): boolean => type === "log" || type === "trace" || type === "performance";

/** `makeRoom` is called before events are given up. */
export function createBuffer({ drop }: Stats, makeRoom: () => void): Buffer {
  const durable: QueuedEvent[] = [];
  const bulk: QueuedEvent[] = [];
  const held = { events: 0, bytes: 0 };
  const queued = { events: 0, bytes: 0 };
  let batchEvents = maxBatchEvents;
  let seq = 0;

  const shift = (lane: QueuedEvent[]): QueuedEvent | undefined => {
    const event = lane.shift();
    if (event) {
      queued.events--;
      queued.bytes -= event.size;
    }
    return event;
  };

  return {
    held,
    queued,
    push(text, size, type) {
      if (size > maxEventBytes) return drop("too_large", type);
      const isFull = (): boolean => held.events >= maxEvents || held.bytes + size > maxBytes;
      if (isFull()) makeRoom();
      while (isFull()) {
        const victim = shift(bulk) ?? (isBulk(type) ? undefined : shift(durable));
        drop("queue_overflow", victim ? victim.type : type);
        if (!victim) return;
        held.events--;
        held.bytes -= victim.size;
      }
      (isBulk(type) ? bulk : durable).push({ text, size, type, seq: seq++ });
      queued.events++;
      held.events++;
      queued.bytes += size;
      held.bytes += size;
    },
    take(bytes = maxBatchBytes) {
      const events: QueuedEvent[] = [];
      let left = bytes;
      while (events.length < batchEvents) {
        const [first] = durable;
        const [other] = bulk;
        const lane = other && !(first && first.seq < other.seq) ? bulk : durable;
        left -= lane[0]?.size ?? Infinity;
        if (left < 0) break;
        events.push(shift(lane) as QueuedEvent);
      }
      return events[0] && seal(events);
    },
    limit(events) {
      batchEvents = Math.min(maxBatchEvents, events);
    },
  };
}
