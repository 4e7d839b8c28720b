// What `list` returns: entries one by one for `for await`, or all of them, sorted, for `await`.

/** A key and its value. */
export interface Entry<T> {
  readonly key: string;
  readonly value: T;
}

/** Which keys a list gives, and in which order. */
export interface ListOptions {
  /** At most so many. `0` gives none. @default all */
  readonly limit?: number | undefined;
  /** Only keys after this one, in the order asked for: the last key of the page before. It need not exist. */
  readonly after?: string | undefined;
  /** From the last key to the first. @default false */
  readonly reverse?: boolean | undefined;
}

/** Iterate it or await it. Each use reads anew. */
export interface EntryList<T> extends AsyncIterable<T>, PromiseLike<T[]> {}

export function entryList<T>(iterate: () => AsyncIterable<T>): EntryList<T> {
  async function all(): Promise<T[]> {
    const items: T[] = [];
    for await (const item of iterate()) items.push(item);
    return items;
  }
  return {
    [Symbol.asyncIterator]: () => iterate()[Symbol.asyncIterator](),
    // biome-ignore lint/suspicious/noThenProperty: reason: the documented list can be awaited as well as iterated.
    then: (onFulfilled, onRejected) => all().then(onFulfilled, onRejected),
  };
}
