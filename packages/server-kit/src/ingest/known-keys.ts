// Which idempotency keys the files may have, kept in memory: a key that surely none of them has needs no question to each of them.
import { LIMITS } from "@cuitty/wire-protocol";
import { type Clock, systemClock } from "../clock.ts";

export interface KnownKeys {
  /** False when surely no file has the key. */
  mayHave(projectId: string, key: string): boolean;
  /** True when surely no file has the key. From now on it is known. */
  meet(projectId: string, key: string): boolean;
  /** Tells of a key that a file has. */
  add(projectId: string, key: string): void;
  /** Until then every key counts as known: those that the files have from before are not all here yet. */
  setLoaded(): void;
}

export interface KnownKeysOptions {
  readonly clock?: Clock | undefined;
  /** Whether this process still owns the files. Once it does not, every key counts as known. @default always */
  readonly isOwner?: (() => boolean) | undefined;
  /** Keys of the first filter; each later one takes four times as many. @default 16_384 */
  readonly firstKeys?: number | undefined;
  /** Keys of the largest filters. @default 4_194_304 (8 MiB) */
  readonly mostKeys?: number | undefined;
  /** Largest filters at the same time. Beyond these more new keys are taken for known ones. @default 4 */
  readonly mostFilters?: number | undefined;
}

/** A Bloom filter. Source: Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970; two hashes for all bits: Kirsch and Mitzenmacher, 2006. */
interface Filter {
  readonly words: Uint32Array;
  readonly capacity: number;
  readonly createdMs: number;
  lastAddedMs: number;
  keys: number;
}

/** One of 1,000 new keys is then taken for a known one, which costs no more than the question. */
const bitsPerKey = 16;
const probes = 6;
const ownerCheckMs = 100;
/** How long the files keep a key: what they promise, and an hour for clocks that differ. */
export const keptMs = LIMITS.idempotencyKeyTtlMs + 3_600_000;

export function createKnownKeys(options: KnownKeysOptions = {}): KnownKeys {
  const { clock = systemClock, isOwner = () => true, firstKeys = 16_384, mostKeys = 4_194_304, mostFilters = 4 } = options;
  let filters: Filter[] = [];
  let isLoaded = false;
  let isAlone = true;
  let lookedAtMs = Number.NEGATIVE_INFINITY;

  /** Asked of the file system ten times a second at most: to force one's way in takes a person. */
  function isOwned(): boolean {
    const nowMs = performance.now();
    if (!isAlone || nowMs - lookedAtMs < ownerCheckMs) return isAlone;
    lookedAtMs = nowMs;
    isAlone = isOwner();
    return isAlone;
  }

  function filterFor(nowMs: number): Filter {
    const last = filters.at(-1);
    // One that goes on for ever would never expire.
    if (last === undefined || nowMs - last.createdMs >= keptMs) return open(firstKeys, nowMs);
    if (last.keys < last.capacity) return last;
    const isMost = filters.filter(({ capacity }) => capacity >= mostKeys).length >= mostFilters;
    return isMost ? last : open(Math.min(last.capacity * 4, mostKeys), nowMs);
  }

  function open(capacity: number, nowMs: number): Filter {
    const words = new Uint32Array((capacity * bitsPerKey) / 32);
    const filter = { words, capacity, createdMs: nowMs, lastAddedMs: nowMs, keys: 0 };
    filters = [...filters.filter(({ lastAddedMs }) => nowMs - lastAddedMs < keptMs), filter];
    return filter;
  }

  function put(hash: Hash): void {
    const nowMs = clock();
    const filter = filterFor(nowMs);
    filter.keys++;
    filter.lastAddedMs = nowMs;
    set(filter, hash);
  }

  const mayHave = (hash: Hash): boolean => !isLoaded || !isOwned() || filters.some((filter) => has(filter, hash));

  return {
    mayHave: (projectId, key) => mayHave(hashOf(projectId, key)),
    meet(projectId, key) {
      const hash = hashOf(projectId, key);
      const isNew = !mayHave(hash);
      put(hash);
      return isNew;
    },
    add: (projectId, key) => put(hashOf(projectId, key)),
    setLoaded() {
      isLoaded = true;
    },
  };
}

type Hash = readonly [number, number];

function set({ words }: Filter, hash: Hash): void {
  for (let index = 0; index < probes; index++) {
    const bit = bitOf(hash, index, words);
    words[bit >>> 5] = (words[bit >>> 5] as number) | (1 << (bit & 31));
  }
}

function has({ words }: Filter, hash: Hash): boolean {
  for (let index = 0; index < probes; index++) {
    const bit = bitOf(hash, index, words);
    if (((words[bit >>> 5] as number) & (1 << (bit & 31))) === 0) return false;
  }
  return true;
}

const bitOf = ([first, step]: Hash, index: number, words: Uint32Array): number =>
  ((first + Math.imul(index, step)) >>> 0) % (words.length * 32);

/** Two hashes of 32 bits that have little to do with each other. Source: FNV-1a with two multipliers, finished as in MurmurHash3. */
function hashOf(projectId: string, key: string): Hash {
  let first = 0x811c9dc5;
  let second = 0x9747b28c;
  // A project's id has no NUL, so that no two pairs are one text.
  const text = `${projectId}\0${key}`;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    first = Math.imul(first ^ code, 0x01000193);
    second = Math.imul(second ^ code, 0x85ebca6b);
  }
  // An odd step meets every bit of a size that is a power of two.
  return [mix(first), mix(second) | 1];
}

function mix(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
