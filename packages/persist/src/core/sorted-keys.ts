// Keys in order, in short runs: one array of all of them would be moved by half at each newcomer and copied for each listing.

/** Longest run; one that grows beyond it is cut in two. */
const maxRun = 1024;

export interface KeyWindow {
  /** Keys before it are left out. @default none */
  readonly from?: string | undefined;
  /** It and keys after it are left out. @default none */
  readonly before?: string | undefined;
  /** From the last key to the first. @default false */
  readonly reverse?: boolean;
}

export interface SortedKeys {
  readonly size: number;
  add(key: string): void;
  delete(key: string): void;
  /** The keys as they stand at the first step. */
  walk(window: KeyWindow): Generator<string>;
}

/** @param sorted without repetitions; not kept */
export function createSortedKeys(sorted: readonly string[]): SortedKeys {
  /** Replaced, never changed: a walk goes on with those it saw. */
  const runs: (readonly string[])[] = [];
  // Half full: the first newcomers cut nothing.
  for (let at = 0; at < sorted.length; at += maxRun / 2) runs.push(sorted.slice(at, at + maxRun / 2));
  let size = sorted.length;

  return {
    get size() {
      return size;
    },
    add(key) {
      const run = runOf(runs, key);
      const keys = runs[run] ?? [];
      const at = lowerBound(keys, key);
      if (keys[at] === key) return;
      const longer = keys.slice();
      longer.splice(at, 0, key);
      const rest = longer.length > maxRun ? [longer.splice(maxRun / 2)] : [];
      runs.splice(run, 1, longer, ...rest);
      size++;
    },
    delete(key) {
      const run = runOf(runs, key);
      const keys = runs[run] ?? [];
      const at = lowerBound(keys, key);
      if (keys[at] !== key) return;
      const shorter = keys.slice();
      shorter.splice(at, 1);
      if (shorter.length > 0) runs[run] = shorter;
      else runs.splice(run, 1);
      size--;
    },
    *walk({ from = "", before, reverse = false }) {
      for (const key of reverse ? downwards(runs.slice(), before) : upwards(runs.slice(), from)) {
        if (reverse ? key < from : before !== undefined && key >= before) return;
        yield key;
      }
    },
  };
}

function* upwards(runs: readonly (readonly string[])[], from: string): Generator<string> {
  for (let run = runOf(runs, from); run < runs.length; run++) {
    const keys = runs[run]!;
    for (let at = keys[0]! < from ? lowerBound(keys, from) : 0; at < keys.length; at++) yield keys[at]!;
  }
}

function* downwards(runs: readonly (readonly string[])[], before: string | undefined): Generator<string> {
  for (let run = before === undefined ? runs.length - 1 : runOf(runs, before); run >= 0; run--) {
    const keys = runs[run] ?? [];
    const isCut = before !== undefined && keys.at(-1)! >= before;
    for (let at = isCut ? lowerBound(keys, before) - 1 : keys.length - 1; at >= 0; at--) yield keys[at]!;
  }
}

/** The run that holds the key or would: the last one that begins at or before it. */
function runOf(runs: readonly (readonly string[])[], key: string): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (runs[middle]![0]! <= key) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** Index of the first item that is not less than `value`. */
function lowerBound(sorted: readonly string[], value: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
