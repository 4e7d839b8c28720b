// Events that wait to be sealed: two lanes, first in first out, bounded together with everything sealed that is still in memory.
import type { QueuedEvent } from "./batcher.ts";
import { maxBatchBytes, maxBatchEvents, maxBytes, maxEventBytes, maxEvents } from "./limits.ts";
import type { Stats } from "./stats.ts";

/** Types that come in masses and are given up first. */
const bulkTypes = new Set(["log", "trace", "performance"]);

/** `makeRoom` is called before events are given up. */
export function createBuffer({ drop }: Stats, makeRoom: () => void) {
  const durable: QueuedEvent[] = [];
  const bulk: QueuedEvent[] = [];
  const held = { events: 0, bytes: 0 };
  let bytes = 0;
  let seq = 0;

  const shift = (lane: QueuedEvent[]): QueuedEvent | undefined => {
    const event = lane.shift();
    if (event) bytes -= event.size;
    return event;
  };

  const isFull = (size: number): boolean => held.events >= maxEvents || held.bytes + size > maxBytes;

  return {
    held,
    count: (): number => durable.length + bulk.length,
    bytes: (): number => bytes,
    /** Takes an event in, or counts what it or an older one is lost for. */
    push(text: string, size: number, type: string): void {
      const isBulk = bulkTypes.has(type);
      if (size > maxEventBytes) {
        drop("too_large", type);
        return;
      }
      if (isFull(size)) makeRoom();
      while (isFull(size)) {
        const victim = shift(bulk) ?? (isBulk ? undefined : shift(durable));
        drop("queue_overflow", victim ? victim.type : type);
        if (!victim) return;
        held.events--;
        held.bytes -= victim.size;
      }
      (isBulk ? bulk : durable).push({ text, size, type, seq: seq++ });
      bytes += size;
      held.bytes += size;
      held.events++;
    },
    take(most = maxBatchEvents, room = maxBatchBytes): QueuedEvent[] {
      const taken: QueuedEvent[] = [];
      let left = room;
      while (taken.length < most) {
        const lane = bulk[0] && !((durable[0] as QueuedEvent)?.seq < bulk[0].seq) ? bulk : durable;
        left -= lane[0] ? lane[0].size : Infinity;
        if (left < 0) break;
        taken.push(shift(lane) as QueuedEvent);
      }
      return taken;
    },
  };
}
