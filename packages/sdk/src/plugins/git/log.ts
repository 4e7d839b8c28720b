// Walks the commit graph the way `git log HEAD ^known...` does: newest first, without what is reachable from known commits.
import type { GitCommit } from "./commit.ts";

export interface LogOptions {
  readonly from: readonly string[];
  /** Commits whose whole history is left out; ids that do not exist any more are ignored. */
  readonly without: readonly string[];
  readonly maxCommits: number;
  /** Undefined where the history ends: shallow boundary, partial clone. */
  readonly readCommit: (id: string) => Promise<GitCommit | undefined>;
}

interface Entry {
  readonly commit: GitCommit;
  isKnown: boolean;
}

// Clocks of committers disagree: a known commit may turn up after one it should have excluded. Source: git, revision.c, SLOP.
const slop = 16;

/** The newest commits that are reachable from `from` and not from `without`, newest first. */
export async function readLog({ from, without, maxCommits, readCommit }: LogOptions): Promise<readonly GitCommit[]> {
  const entries = new Map<string, Entry>();
  const queue = createQueue();
  const found: Entry[] = [];
  let wantedInQueue = 0;
  let grace = slop;

  async function add(id: string, isKnown: boolean): Promise<void> {
    const seen = entries.get(id);
    if (seen !== undefined) return isKnown ? markKnown(seen) : undefined;
    const commit = await readCommit(id);
    if (commit === undefined) return;
    const entry = { commit, isKnown };
    entries.set(id, entry);
    queue.push(entry);
    if (!isKnown) wantedInQueue += 1;
  }

  function markKnown(start: Entry): void {
    const stack = [start];
    for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
      if (entry.isKnown) continue;
      entry.isKnown = true;
      if (queue.has(entry)) wantedInQueue -= 1;
      for (const parent of entry.commit.parents) {
        const seen = entries.get(parent);
        if (seen !== undefined) stack.push(seen);
      }
    }
  }

  for (const id of without) await add(id, true);
  for (const id of from) await add(id, false);
  while (queue.size > 0 && (wantedInQueue > 0 || grace-- > 0)) {
    const entry = queue.pop() as Entry;
    if (!entry.isKnown) {
      wantedInQueue -= 1;
      found.push(entry);
      if (found.length >= maxCommits + slop) break;
    }
    if (entry.commit.isBoundary) continue;
    for (const parent of entry.commit.parents) await add(parent, entry.isKnown);
  }
  return found
    .filter((entry) => !entry.isKnown)
    .slice(0, maxCommits)
    .map((entry) => entry.commit);
}

/** A binary heap by commit time, newest on top. */
function createQueue() {
  const heap: Entry[] = [];
  const members = new Set<Entry>();
  const isNewer = (a: Entry, b: Entry) => a.commit.committedAtS > b.commit.committedAtS;
  const at = (index: number) => heap[index] as Entry;

  function swap(a: number, b: number): void {
    [heap[a], heap[b]] = [at(b), at(a)];
  }

  return {
    get size() {
      return heap.length;
    },
    has: (entry: Entry) => members.has(entry),
    push(entry: Entry): void {
      members.add(entry);
      heap.push(entry);
      for (let child = heap.length - 1; child > 0; ) {
        const parent = (child - 1) >> 1;
        if (!isNewer(at(child), at(parent))) return;
        swap(child, parent);
        child = parent;
      }
    },
    pop(): Entry | undefined {
      const top = heap[0];
      const last = heap.pop();
      if (top === undefined || last === undefined) return undefined;
      members.delete(top);
      if (heap.length > 0) heap[0] = last;
      for (let parent = 0; ; ) {
        let newest = parent;
        for (const child of [2 * parent + 1, 2 * parent + 2]) if (child < heap.length && isNewer(at(child), at(newest))) newest = child;
        if (newest === parent) return top;
        swap(parent, newest);
        parent = newest;
      }
    },
  };
}
