// A wait with an end, for work that may never be done.

export interface SettleOptions {
  readonly timeoutMs: number;
  /** Whether the process stays alive for it. @default true */
  readonly keepsAlive?: boolean | undefined;
}

/** Waits until all of `work` has settled, be it with an error, and at most `timeoutMs`. */
export async function settleWithin(work: readonly Promise<unknown>[], { timeoutMs, keepsAlive = true }: SettleOptions): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
    if (!keepsAlive) timer.unref?.();
  });
  await Promise.race([Promise.allSettled(work), late]);
  clearTimeout(timer);
}
