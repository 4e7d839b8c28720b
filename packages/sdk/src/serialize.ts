// One event to JSON text, at once: later changes by the host cannot reach it, and one that cannot be written harms no other.
import type { EmittedEvent } from "./plugin.ts";

const maxDepth = 32;
const maxValues = 5_000;

/** JSON text `{"type":...,"ts":...,"data":...}`. Data that JSON refuses is copied with its bad parts replaced by short markers. Errors: throws when the event itself cannot be read. */
export function serializeEvent(event: EmittedEvent): string {
  const { type, timestamp, data } = event;
  const ts = typeof timestamp === "string" ? timestamp : new Date(timestamp ?? Date.now()).toISOString();
  try {
    return JSON.stringify({ type, ts, data });
  } catch {
    let left = maxValues;
    /** `[circular]`, `[too deep]` and `[unreadable]` stand where a value cannot; a BigInt becomes its digits. */
    const copy = (read: () => unknown, parents: readonly unknown[]): unknown => {
      try {
        const value = read();
        if (typeof value === "bigint") return `${value}`;
        if (typeof value !== "object" || value === null) return value;
        if (parents.includes(value)) return "[circular]";
        if (parents.length > maxDepth || --left < 0) return "[too deep]";
        const path = [...parents, value];
        const { toJSON } = value as { toJSON?: unknown };
        if (typeof toJSON === "function") return copy(() => toJSON.call(value), path);
        if (Array.isArray(value)) return value.map((item) => copy(() => item, path));
        return Object.fromEntries(Object.keys(value).map((key) => [key, copy(() => (value as Record<string, unknown>)[key], path)]));
      } catch {
        return "[unreadable]";
      }
    };
    return JSON.stringify({ type, ts, data: copy(() => data, []) });
  }
}
