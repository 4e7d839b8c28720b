// One at a time per name; tabs of one origin take turns too where the platform has Web Locks.

/** Runs `body` when every earlier one of that name has ended. */
export interface Exclusive {
  <T>(name: string, body: () => Promise<T>): Promise<T>;
  /** Runs it at once, or not at all where another one of that name runs or waits. */
  ifFree(name: string, body: () => Promise<void>): Promise<void>;
}

interface LockManagerLike {
  request<T>(name: string, body: () => Promise<T>): Promise<T>;
  request<T>(name: string, options: { readonly ifAvailable: true }, body: (lock: unknown) => Promise<T>): Promise<T>;
}

/** @param shared a prefix for Web Locks when other tabs use the same data; undefined keeps the lock in this process. */
export function createExclusive(shared: string | undefined): Exclusive {
  const lastByName = new Map<string, Promise<unknown>>();
  const platformLocks = (globalThis.navigator as { locks?: LockManagerLike } | undefined)?.locks;
  const locks = shared === undefined ? undefined : platformLocks;

  async function inTurn<T>(name: string, body: () => Promise<T>): Promise<T> {
    const before = lastByName.get(name) ?? Promise.resolve();
    const run = before.then(body);
    const settled = run.catch(() => undefined);
    lastByName.set(name, settled);
    try {
      return await run;
    } finally {
      if (lastByName.get(name) === settled) lastByName.delete(name);
    }
  }

  function exclusive<T>(name: string, body: () => Promise<T>): Promise<T> {
    return inTurn(name, () => (locks ? locks.request(`${shared}:${name}`, body) : body()));
  }

  async function ifFree(name: string, body: () => Promise<void>): Promise<void> {
    if (lastByName.has(name)) return;
    const once = async (lock: unknown) => (lock ? body() : undefined);
    await inTurn(name, () => (locks ? locks.request(`${shared}:${name}`, { ifAvailable: true }, once) : body()));
  }

  return Object.assign(exclusive, { ifFree });
}
