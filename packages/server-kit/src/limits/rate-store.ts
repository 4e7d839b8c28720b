// Rate limits as a port: one cell per key and policy, taken from all-or-nothing.
import type { Clock } from "../clock.ts";
import { dropOldest, sparePart } from "../oldest-out.ts";

/** At most `perSecond` on average; `burst` at once after a pause. */
export interface RatePolicy {
  /** Name as in the RateLimit headers. */
  readonly name: string;
  readonly perSecond: number;
  readonly burst: number;
}

/** Whether a cost could be taken, and what is left. */
export interface RateOutcome {
  readonly isAllowed: boolean;
  /** What could be taken now, whole units. */
  readonly remaining: number;
  /** Until the cell is full again. Units: s, rounded up. */
  readonly resetSeconds: number;
  /** Until this cost could be taken; 0 when it was. Units: s, rounded up. */
  readonly retryAfterSeconds: number;
}

/** A cost of 0 only looks. Shared stores (Redis, Postgres) fit behind it. */
export interface RateStore {
  take(key: string, cost: number, policy: RatePolicy): Promise<RateOutcome> | RateOutcome;
}

export interface MemoryRateStoreOptions {
  readonly clock: Clock;
  /** Cells kept at the same time; full ones go first, then the oldest. @default 100_000 */
  readonly maxCells?: number | undefined;
}

/**
 * Generic cell rate algorithm: one number a cell, the time at which it will be empty again, so that limits hold over every window and
 * waiting times are exact. **Source**: ITU-T I.371, annex A.
 */
export function createMemoryRateStore({ clock, maxCells = 100_000 }: MemoryRateStoreOptions): RateStore {
  const emptyAtMs = new Map<string, number>();

  /** Cells that are full again say nothing; the rest goes by age. */
  function makeRoom(nowMs: number): void {
    for (const [key, atMs] of emptyAtMs) if (atMs <= nowMs) emptyAtMs.delete(key);
    dropOldest(
      emptyAtMs,
      (key) => emptyAtMs.delete(key),
      () => emptyAtMs.size < maxCells * (1 - sparePart),
    );
  }

  return {
    take(key, cost, policy) {
      const nowMs = clock();
      const cell = `${policy.name}\0${key}`;
      const msPerUnit = 1000 / policy.perSecond;
      const burstMs = policy.burst * msPerUnit;
      // A clock that stepped back must not lock a project out for longer than an empty cell takes to fill.
      const knownMs = emptyAtMs.get(cell) ?? nowMs;
      const filledAtMs = Math.min(Math.max(knownMs, nowMs), nowMs + burstMs);
      if (filledAtMs < knownMs) emptyAtMs.set(cell, filledAtMs);
      const nextMs = filledAtMs + cost * msPerUnit;
      // A thousandth of a unit of slack: sums of fractions must not refuse the last whole unit.
      const isAllowed = nextMs - nowMs <= burstMs + msPerUnit / 1000;
      if (isAllowed && cost > 0) {
        if (emptyAtMs.size >= maxCells && !emptyAtMs.has(cell)) makeRoom(nowMs);
        emptyAtMs.set(cell, nextMs);
      }
      const usedMs = (isAllowed ? nextMs : filledAtMs) - nowMs;
      return {
        isAllowed,
        remaining: Math.max(0, Math.floor((burstMs - usedMs) / msPerUnit + 0.001)),
        resetSeconds: Math.ceil(usedMs / 1000),
        retryAfterSeconds: isAllowed ? 0 : Math.max(1, Math.ceil((nextMs - nowMs - burstMs) / 1000)),
      };
    },
  };
}
