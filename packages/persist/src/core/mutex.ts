// One at a time per name; tabs of one origin take turns too where the platform has Web Locks.

/** Runs `body` when every earlier one of that name has ended. */
export type Exclusive = <T>(name: string, body: () => Promise<T>) => Promise<T>;

interface LockManagerLike {
  request<T>(name: string, body: () => Promise<T>): Promise<T>;
}

/** @param shared a prefix for Web Locks when other tabs use the same data; undefined keeps the lock in this process. */
export function createExclusive(shared: string | undefined): Exclusive {
  const lastByName = new Map<string, Promise<unknown>>();
  const locks = (globalThis.navigator as { locks?: LockManagerLike } | undefined)?.locks;
  return async (name, body) => {
    const before = lastByName.get(name) ?? Promise.resolve();
    const run = before.then(() => (shared !== undefined && locks ? locks.request(`${shared}:${name}`, body) : body()));
    const settled = run.catch(() => undefined);
    lastByName.set(name, settled);
    try {
      return await run;
    } finally {
      if (lastByName.get(name) === settled) lastByName.delete(name);
    }
  };
}
