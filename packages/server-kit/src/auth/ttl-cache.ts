// A bounded cache whose entries expire: answers of the database that every request needs.
import type { Clock } from "../clock.ts";
import { dropOldest, sparePart } from "../oldest-out.ts";

export interface TtlCache<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value, ttlMs: number): void;
  clear(): void;
}

/** Drops the oldest entries when full. */
export function createTtlCache<Value>(maxEntries: number, clock: Clock): TtlCache<Value> {
  const entries = new Map<string, { readonly value: Value; readonly untilMs: number }>();

  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      if (entry.untilMs > clock()) return entry.value;
      entries.delete(key);
      return undefined;
    },
    set(key, value, ttlMs) {
      entries.delete(key);
      if (entries.size >= maxEntries)
        dropOldest(
          entries,
          (oldest) => entries.delete(oldest),
          () => entries.size < maxEntries * (1 - sparePart),
        );
      entries.set(key, { value, untilMs: clock() + ttlMs });
    },
    clear: () => entries.clear(),
  };
}
