// Lets other work of the process run in the middle of long loops.

/** Resolves in a later turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") setImmediate(resolve);
    else setTimeout(resolve, 0);
  });
}

/** Resolves when the callbacks that are ready have run; at once where the platform has no such moment. */
export function endOfTurn(): Promise<void> | undefined {
  return typeof setImmediate === "function" ? new Promise((resolve) => setImmediate(resolve)) : undefined;
}
