/** A source that gives one part, waits, and gives another. */
export function pausing(first: Uint8Array, second: Uint8Array) {
  let reached = () => {};
  let go = () => {};
  const isReached = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  async function* source() {
    yield first;
    reached();
    await gate;
    yield second;
  }
  return { source: source(), isReached, go: () => go() };
}
