// Events that wait to be sealed: two lanes, first in first out, bounded by evicting the oldest of the less precious lane.

/** One serialised event. */
export interface QueuedEvent {
  /** JSON text without id. */
  readonly text: string;
  /** What the event will take in a request, its id and comma included. Units: UTF-8 bytes. */
  readonly bytes: number;
  readonly type: string;
  /** Order of emission over both lanes. */
  readonly seq: number;
}

interface Lane {
  items: (QueuedEvent | undefined)[];
  head: number;
}

export interface Queue {
  /** Events waiting. */
  readonly size: number;
  /** Units: UTF-8 bytes. */
  readonly bytes: number;
  push(event: QueuedEvent): void;
  /** The oldest event of both lanes, left in place. */
  peek(): QueuedEvent | undefined;
  /** Takes the oldest event of both lanes. */
  shift(): QueuedEvent | undefined;
  /** Takes the event to give up for a new one of `type`: the oldest bulk event, else the oldest durable one unless the new one is bulk. */
  evictFor(type: string): QueuedEvent | undefined;
}

/** Types that come in masses and are given up first. All others are durable. */
export const isBulk = (type: string): boolean => type === "log" || type === "trace" || type === "performance";

export function createQueue(): Queue {
  const durable: Lane = { items: [], head: 0 };
  const bulk: Lane = { items: [], head: 0 };
  let size = 0;
  let bytes = 0;

  const first = (lane: Lane): QueuedEvent | undefined => lane.items[lane.head];
  const oldest = (): Lane => {
    const a = first(durable);
    const b = first(bulk);
    return a && (!b || a.seq < b.seq) ? durable : bulk;
  };
  const take = (lane: Lane): QueuedEvent | undefined => {
    const event = first(lane);
    if (!event) return undefined;
    lane.items[lane.head++] = undefined;
    // Compacts now and then, so that taking stays cheap and taken texts are freed.
    if (lane.head === lane.items.length || lane.head > 1024) {
      lane.items = lane.items.slice(lane.head);
      lane.head = 0;
    }
    size--;
    bytes -= event.bytes;
    return event;
  };

  return {
    get size() {
      return size;
    },
    get bytes() {
      return bytes;
    },
    push(event) {
      (isBulk(event.type) ? bulk : durable).items.push(event);
      size++;
      bytes += event.bytes;
    },
    peek: () => first(oldest()),
    shift: () => take(oldest()),
    evictFor: (type) => take(bulk) ?? (isBulk(type) ? undefined : take(durable)),
  };
}
