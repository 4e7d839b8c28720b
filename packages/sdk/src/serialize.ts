// One event to JSON text, at once: later changes by the host cannot reach it, and one that cannot be written harms no other.
import type { EmittedEvent } from "./plugin.ts";

/** JSON text of an event: `{"type":...,"ts":...,"data":...}`. A BigInt becomes its digits, a cycle `"[circular]"`. Errors: throws what a getter or `toJSON` throws, and for data too deep. */
export function serializeEvent({ type, timestamp, data }: EmittedEvent): string {
  const event = { type, ts: typeof timestamp === "string" ? timestamp : new Date(timestamp ?? Date.now()).toISOString(), data };
  try {
    return JSON.stringify(event);
  } catch {
    const path: unknown[] = [];
    return JSON.stringify(event, function (this: unknown, _key, value: unknown) {
      if (typeof value === "bigint") return `${value}`;
      while (path.length && path.at(-1) !== this) path.pop();
      if (path.includes(value)) return "[circular]";
      path.push(value);
      return value;
    });
  }
}
