// Timers that do not keep the host alive.

/** Longer delays overflow and fire at once. Units: ms. */
export const maxDelayMs = 2 ** 31 - 1;

/** Calls `work` after `ms`, unless the process ends before. */
export function later(work: () => void, ms: number): ReturnType<typeof setTimeout> {
  const timer = setTimeout(work, Math.min(ms, maxDelayMs));
  // Browsers return a number.
  (timer as { unref?(): void }).unref?.();
  return timer;
}
