// Work on the same thing one after the other, whatever else goes on.

export interface Turns {
  /** Starts `work` when what was asked for before under the same name has ended, well or not; at once where nothing was. */
  take<T>(name: string, work: () => Promise<T>): Promise<T>;
}

export function createTurns(): Turns {
  const lastByName = new Map<string, Promise<unknown>>();
  return {
    take(name, work) {
      const before = lastByName.get(name);
      const own = before === undefined ? work() : before.then(work, work);
      const end = () => {
        if (lastByName.get(name) === own) lastByName.delete(name);
      };
      lastByName.set(name, own);
      own.then(end, end);
      return own;
    },
  };
}
