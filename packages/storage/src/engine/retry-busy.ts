// Waits for another process's lock without blocking the thread.
import { isCuittyError } from "@cuitty/wire-protocol/cuitty-error";

/** Delay before the next try, with jitter so that two waiting processes do not stay in step. Units: ms. */
export function busyDelayMs(attempt: number): number {
  return 1 + Math.random() * Math.min(2 ** attempt, 16);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

/** Runs `body` until it no longer throws `busy` or the time is up; then the last `busy` is thrown. */
export async function retryBusy<T>(body: () => T | Promise<T>, timeoutMs: number): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (let attempt = 1; ; attempt++) {
    try {
      return await body();
    } catch (error) {
      const delay = busyDelayMs(attempt);
      if (!isCuittyError(error, "busy") || performance.now() + delay > deadline) throw error;
      await sleep(delay);
    }
  }
}
