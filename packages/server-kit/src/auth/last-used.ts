// Notes when a key was last used: collected in memory, written at most once a minute a key, never while a request waits.
import type { Clock } from "../clock.ts";
import type { Driver } from "./system.ts";

export interface LastUsed {
  touch(keyId: string, atMs: number): void;
  /** Writes what is due now. */
  flush(): void;
  /** Writes everything and stops. Idempotent. */
  close(): void;
}

const intervalMs = 60_000;
const firstDelayMs = 1_000;

export function createLastUsed(driver: Driver, clock: Clock): LastUsed {
  const usedAtMs = new Map<string, number>();
  const writtenAtMs = new Map<string, number>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;

  function schedule(delayMs: number): void {
    if (timer !== undefined || isClosed) return;
    timer = setTimeout(() => {
      timer = undefined;
      flush();
    }, delayMs);
    timer.unref?.();
  }

  function write(minimumAgeMs: number): void {
    const nowMs = clock();
    const due = [...usedAtMs].filter(([keyId]) => nowMs - (writtenAtMs.get(keyId) ?? Number.NEGATIVE_INFINITY) >= minimumAgeMs);
    if (due.length === 0) return;
    driver.transaction(() => {
      const statement = driver.prepare("UPDATE api_keys SET last_used_at = ? WHERE id = ?");
      for (const [keyId, atMs] of due) statement.run([Math.floor(atMs / 1000), keyId]);
    });
    for (const [keyId] of due) {
      usedAtMs.delete(keyId);
      writtenAtMs.set(keyId, nowMs);
    }
  }

  function flush(): void {
    if (isClosed) return;
    try {
      write(intervalMs);
    } catch {
      // A busy or full system.db costs a time stamp, never a request: the next run tries again.
    }
    for (const [keyId, atMs] of writtenAtMs) if (clock() - atMs >= intervalMs && !usedAtMs.has(keyId)) writtenAtMs.delete(keyId);
    if (usedAtMs.size > 0) schedule(intervalMs);
  }

  return {
    touch(keyId, atMs) {
      usedAtMs.set(keyId, atMs);
      schedule(firstDelayMs);
    },
    flush,
    close() {
      if (isClosed) return;
      clearTimeout(timer);
      try {
        write(0);
      } catch {
        // As above; the process is ending.
      }
      isClosed = true;
    },
  };
}
