// Calls into code of others, whose failures are told and harm nobody.

/** Runs a callback; what it throws, or rejects with when it is async after all, goes to `onError`. */
export function callSafely(callback: () => unknown, onError: (error: unknown) => void): void {
  try {
    const result = callback();
    if (typeof (result as PromiseLike<unknown> | undefined)?.then === "function") (result as PromiseLike<unknown>).then(undefined, onError);
  } catch (error) {
    onError(error);
  }
}

/** Tells every listener there is now: one removed meanwhile is left out, one added meanwhile hears only what comes later. */
export function tellAll<L>(listeners: ReadonlySet<L>, tell: (listener: L) => unknown, onError: (error: unknown) => void): void {
  if (listeners.size === 0) return;
  for (const listener of [...listeners]) if (listeners.has(listener)) callSafely(() => tell(listener), onError);
}
