// Random lives of a client, from a seed: what is emitted when, what the server does to each request, and the law that must hold at the end.
import type { CuittyClient } from "@cuitty/sdk";
import { expect } from "vitest";

/** Mulberry32: small, seeded, good enough to choose by. */
export function createRandom(seed: number) {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return { next, below, pick: <Item>(items: readonly Item[]): Item => items[below(items.length)] as Item };
}

export type Random = ReturnType<typeof createRandom>;

export const faults = [
  "ok",
  "ok",
  "ok",
  "lose_ack",
  "reset",
  "hang",
  "garbage",
  "status_400",
  "status_401",
  "status_403",
  "status_408",
  "status_413",
  "status_429_seconds",
  "status_429_date",
  "status_500",
  "status_503_absurd",
] as const;
export type FaultName = (typeof faults)[number];

interface WireEvent {
  readonly id: string;
  readonly type: string;
  readonly data: { readonly n: number };
}

export interface Oracle {
  /** What the server does with a request: notes it, and says what it answers, if it stores it. */
  receive(key: string, wire: string, events: readonly WireEvent[]): { readonly fault: FaultName; readonly reply: string };
  /** Errors: fails the test when the law is broken. On a real socket a reply may cross the client's own end: then it was sent, and not heard. */
  check(client: CuittyClient, isHeard?: boolean): void;
}

const isRefused = (n: number): boolean => n % 10 === 7;

/** A server's memory. It refuses every event whose number ends in 7, and never takes more than `most` events at once. */
export function createOracle(random: Random, isKind: boolean): Oracle {
  const most = 1 + random.below(40);
  const rate = isKind ? 0.2 : random.next();
  const bodies = new Map<string, string>();
  const replies = new Map<string, string>();
  const stored = new Set<string>();
  const storedNumbers: number[] = [];
  // By id: an acknowledgement that crossed a timeout comes again, under other keys where the batch was split meanwhile.
  const acknowledged = new Set<string>();
  const refused = new Set<string>();

  function store(key: string, events: readonly WireEvent[]): string {
    const known = replies.get(key);
    if (known) return known;
    const rejected: object[] = [];
    events.forEach((event, index) => {
      if (isRefused(event.data.n)) rejected.push({ index, reason: "data.n: refused" });
      else if (!stored.has(event.id)) {
        // As on the wire: an id that is known is not stored again (a batch whose acknowledgement was lost may come back in halves).
        stored.add(event.id);
        storedNumbers.push(event.data.n);
      }
    });
    const reply = JSON.stringify({ accepted: events.length - rejected.length, rejected });
    replies.set(key, reply);
    return reply;
  }

  return {
    receive(key, wire, events) {
      expect(bodies.get(key) ?? wire, `bytes of ${key} changed`).toBe(wire);
      bodies.set(key, wire);
      const fault = events.length > most ? "status_413" : random.next() < rate ? random.pick(faults) : "ok";
      const reply = fault === "ok" || fault === "lose_ack" ? store(key, events) : "";
      if (fault === "ok") for (const { id, data } of events) (isRefused(data.n) ? refused : acknowledged).add(id);
      return { fault, reply };
    },
    check(client, isHeard = true) {
      const stats = client.stats();
      expect(stats.emitted).toBe(stats.sent + stats.rejected + stats.dropped + stats.pending);
      // What was acknowledged is what the client counts as sent; what was stored without the client hearing of it is stored once all the same.
      const unheard = acknowledged.size - stats.sent + refused.size - stats.rejected;
      expect(unheard).toBeGreaterThanOrEqual(0);
      expect(unheard).toBeLessThanOrEqual(isHeard ? 0 : stats.dropped);
      expect(new Set(storedNumbers).size).toBe(storedNumbers.length);
      const { rejected: _, ...drops } = stats.drops;
      expect(sum(Object.fromEntries(Object.entries(drops).map(([reason, types]) => [reason, sum(types)])))).toBe(stats.dropped);
    },
  };
}

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((total, count) => total + count, 0);

/** Plays one life. `wait` lets time pass. */
export async function live(client: CuittyClient, random: Random, wait: (ms: number) => Promise<void>): Promise<void> {
  const types = ["audit", "log", "error", "trace", "performance", "cost"];
  let n = 0;
  if (random.below(4)) client.start();
  for (let step = random.below(3); step >= 0; step--) {
    for (let count = random.below(random.below(8) ? 12 : 60); count > 0; count--)
      client.emit({ type: random.pick(types), data: { n: n++ } });
    await act(client, random, wait);
  }
  const end = random.below(4);
  if (end < 2) await client.shutdown(random.below(3) ? 5_000 : 100);
  else if (end === 2) await client.flush();
  client.emit({ type: "audit", data: { n: n++ } });
}

async function act(client: CuittyClient, random: Random, wait: (ms: number) => Promise<void>): Promise<void> {
  const choice = random.below(5);
  if (choice === 0) void client.flush(random.below(3) ? 20_000 : 50);
  else if (choice === 1) await Promise.all([client.flush(), client.flush()]);
  else if (choice === 2) client.start();
  else await wait(random.below(2_000));
}
