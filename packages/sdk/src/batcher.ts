// Sealing: events become a batch whose key and bytes never change again.
import type { SpooledBatch } from "./spool.ts";

/** One serialised event that waits to be sealed. */
export interface QueuedEvent {
  /** JSON text, without id. */
  readonly text: string;
  /** What it takes in a request, its id and comma included. Units: UTF-8 bytes. */
  readonly size: number;
  readonly type: string;
  /** Order of emission. */
  readonly seq: number;
}

/** A sealed batch in memory. */
export interface Batch extends SpooledBatch {
  /** Sum over its events. Units: UTF-8 bytes. */
  readonly size: number;
  /** Failed tries so far. */
  tries: number;
  /** Bytes for the wire, made once, for the first try. */
  wire?: Uint8Array;
  isGzip?: boolean;
  /** True while a request carries it that outlives its page. */
  isKept?: boolean;
  /** True while the spool has a copy. */
  isStored?: boolean;
}

/** Gives each event a UUIDv7 and all of them one key. `uuid` makes a random UUID v4. */
export function seal(queued: readonly QueuedEvent[], uuid = (): string => crypto.randomUUID()): Batch {
  const sealedAtMs = Date.now();
  const time = sealedAtMs.toString(16).padStart(12, "0");
  const head = `{"id":"${time.slice(0, 8)}-${time.slice(8)}-7`;
  const tail = `${uuid().slice(18)}",`;
  let size = 0;
  const events = queued.map((event, index) => {
    size += event.size;
    // RFC 9562 section 6.2: a counter in rand_a keeps the ids of one batch in order.
    return head + (4096 + index).toString(16).slice(1) + tail + event.text.slice(1);
  });
  return { key: uuid(), sealedAtMs, events, size, tries: 0 };
}
