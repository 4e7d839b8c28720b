// Work of which at most so much goes on at the same time; the rest waits in the order in which it came.

export type Slots = <T>(work: () => Promise<T>) => Promise<T>;

export function createSlots(most: number): Slots {
  const waiting: (() => void)[] = [];
  let free = most;
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}
