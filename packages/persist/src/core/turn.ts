// Lets other work of the process run in the middle of long loops.

/** Resolves in a later turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") setImmediate(resolve);
    else if (typeof MessageChannel === "function") messageTurn(resolve);
    else setTimeout(resolve, 0);
  });
}

/** A timer that follows a timer waits 4 ms in a browser, and a second in a tab that is hidden. */
function messageTurn(resolve: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    resolve();
  };
  port2.postMessage(0);
}

/** Long enough to cost nothing, short enough for what others wait for. */
const paceMs = 10;

/** For a loop that asks at each step: a turn for others when it has run for a while since the last one, else undefined. */
export function createPace(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < paceMs) return undefined;
    return nextTurn().then(() => {
      since = performance.now();
    });
  };
}

/** Resolves when the callbacks that are ready have run; at once where the platform has no such moment. */
export function endOfTurn(): Promise<void> | undefined {
  return typeof setImmediate === "function" ? new Promise((resolve) => setImmediate(resolve)) : undefined;
}
