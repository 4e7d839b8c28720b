// Sealing: queued events become a batch whose key and bytes never change again.
import type { Queue } from "./queue.ts";
import type { SpooledBatch } from "./spool.ts";

/** Most events of one request. */
export const maxBatchEvents = 1_000;
/** Size of a body that triggers a request, and at which a batch is closed. Units: bytes. */
export const maxBatchBytes = 1_048_576;
/** `"id":"<36>",` and the comma between two events. Units: bytes. */
export const eventOverheadBytes = 45;

/** A sealed batch on its way. */
export interface Batch extends SpooledBatch {
  /** What it takes in memory. Units: bytes. */
  readonly bytes: number;
  /** Failed tries so far. */
  tries: number;
  /** True while the spool has a copy. */
  isSpooled?: boolean;
  /** Bytes for the wire, made once for the first try. */
  wire?: { readonly body: Uint8Array; readonly isGzip: boolean };
}

/** Takes the oldest events and gives each a UUIDv7 and all of them one key. Undefined when nothing waits. */
export function seal(queue: Queue, maxEvents: number, maxBytes: number): Batch | undefined {
  const sealedAtMs = Date.now();
  const tail = uuid().slice(19);
  const hex = sealedAtMs.toString(16).padStart(12, "0");
  const events: string[] = [];
  let bytes = 0;
  for (let next = queue.peek(); next && events.length < maxEvents; next = queue.peek()) {
    if (events.length && bytes + next.bytes > maxBytes) break;
    queue.shift();
    bytes += next.bytes;
    // RFC 9562 section 6.2: the counter in rand_a keeps the ids of one batch in order.
    const counter = (events.length + 0x1000).toString(16).slice(1);
    events.push(`{"id":"${hex.slice(0, 8)}-${hex.slice(8)}-7${counter}-${tail}",${next.text.slice(1)}`);
  }
  return events.length ? { key: uuid(), sealedAtMs, events, bytes, tries: 0 } : undefined;
}

/** One part of a batch as a batch of its own. Its key follows from the parent's, so a part that is made twice has one key. */
export function childOf(parent: Batch, index: number, events: readonly string[]): Batch {
  const number = (Number.parseInt(parent.key.slice(24), 16) * 2 + 1 + index) % 2 ** 48;
  return {
    key: parent.key.slice(0, 24) + number.toString(16).padStart(12, "0"),
    sealedAtMs: parent.sealedAtMs,
    events,
    bytes: Math.round((parent.bytes * events.length) / parent.events.length),
    tries: 0,
  };
}

/** Type of a sealed event, for counting. */
export const typeOf = (event: string): string => /"type":"([^"]*)/.exec(event)?.[1] ?? "unknown";

/** A random UUID v4; `crypto.randomUUID` is missing on pages without TLS. */
function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${"89ab"[(bytes[8] as number) & 3]}${hex.slice(17, 20)}-${hex.slice(20)}`;
}
