// Replies of the last batches in memory: a replay that finds its reply here costs no look into a file. Correctness never depends on it.
import type { Clock } from "../clock.ts";
import { dropOldest, sparePart } from "../oldest-out.ts";

export interface CachedReply {
  readonly fingerprint: Uint8Array;
  readonly body: string;
}

export interface ReplyCache {
  get(scope: string): CachedReply | undefined;
  set(scope: string, reply: CachedReply): void;
}

export interface ReplyCacheOptions {
  readonly clock: Clock;
  /** Units: ms. */
  readonly ttlMs: number;
  /** @default 10_000 */
  readonly maxEntries?: number | undefined;
  /** Units: characters of all bodies together. @default 8 Mi */
  readonly maxChars?: number | undefined;
}

/** Oldest out first. */
export function createReplyCache(options: ReplyCacheOptions): ReplyCache {
  const { clock, ttlMs, maxEntries = 10_000, maxChars = 8 * 1024 * 1024 } = options;
  const entries = new Map<string, CachedReply & { readonly untilMs: number }>();
  let chars = 0;

  function drop(scope: string): void {
    const entry = entries.get(scope);
    if (entry === undefined) return;
    entries.delete(scope);
    chars -= entry.body.length;
  }

  function hasRoom(): boolean {
    return entries.size <= Math.ceil(maxEntries * (1 - sparePart)) && chars <= maxChars * (1 - sparePart);
  }

  return {
    get(scope) {
      const entry = entries.get(scope);
      if (entry === undefined || entry.untilMs > clock()) return entry;
      drop(scope);
      return undefined;
    },
    set(scope, reply) {
      drop(scope);
      entries.set(scope, { ...reply, untilMs: clock() + ttlMs });
      chars += reply.body.length;
      if (entries.size > maxEntries || chars > maxChars) dropOldest(entries, drop, hasRoom);
    },
  };
}
