// The local store, plain and encrypted, beside keyv, unstorage and TinyBase: one run, interleaved rounds, the same records.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Contestant, OpenContestant } from "./persist/contestant.ts";
import { ours, peers } from "./persist/contestants.ts";

const records = 10_000;
const turns = 10;
const putsAtOnce = 100;
/** Encrypted over plain: what the encryption may cost. */
const floors = { get: 0.55, put: 0.75 } as const;
const contestants = [ours.plain, ours.encrypted, ...peers];

const measures = ["openMs", "firstGetMicros", "getMicros", "writtenGetMicros", "putMicros", "concurrentPutMicros", "fillMicros"] as const;
type Measure = (typeof measures)[number];
type Samples = Record<Measure, number[]>;

interface Options {
  readonly quick: boolean;
  readonly json: boolean;
  readonly check: boolean;
}

/** Prints the comparison; `ok` is false when a floor is missed. */
export async function run({ quick, json }: Options): Promise<{ ok: boolean }> {
  const rounds = quick ? 5 : 11;
  const folder = await mkdtemp(join(tmpdir(), "cuitty-bench-persist-"));
  const samples = new Map<Contestant, Samples>();
  try {
    for (const contestant of contestants)
      samples.set(contestant, {
        openMs: [],
        firstGetMicros: [],
        getMicros: [],
        writtenGetMicros: [],
        putMicros: [],
        concurrentPutMicros: [],
        fillMicros: await fill(contestant, folder),
      });
    for (let round = 0; round < rounds; round++) await measureRound({ folder, round, samples });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return report(samples, { json, rounds });
}

function key(index: number): string {
  return `users/user-${index}`;
}

/** About 275 bytes as JSON, different each time: SQLite skips pages whose content does not change. */
function value(index: number, round: number): object {
  return { id: index, round, name: `Alice Example ${index}`, role: "admin", tags: ["a", "b", "c"], note: "x".repeat(170) };
}

async function fill(contestant: Contestant, folder: string): Promise<number[]> {
  const store = await contestant.open(folder);
  const began = performance.now();
  await store.fill(Array.from({ length: records }, (_, i) => [key(i), value(i, 0)] as const));
  const micros = ((performance.now() - began) / records) * 1_000;
  await store.close();
  return [micros];
}

interface Round {
  readonly folder: string;
  readonly round: number;
  readonly samples: ReadonlyMap<Contestant, Samples>;
}

interface Running {
  readonly contestant: Contestant;
  readonly store: OpenContestant;
  getMs: number;
  putMs: number;
  concurrentPutMs: number;
}

/** Everyone takes a small turn after everyone else, many times: what else the machine does meanwhile is shared fairly. */
async function inTurns(running: readonly Running[], take: (each: Running, turn: number) => Promise<void>): Promise<void> {
  for (let turn = 0; turn < turns; turn++) for (const each of running) await take(each, turn);
}

async function measureRound({ folder, round, samples }: Round): Promise<void> {
  // Who goes first changes, so that a machine that slows down favours nobody.
  const order = contestants.map((_, i) => contestants[(i + round) % contestants.length]!);
  const running: Running[] = [];
  for (const contestant of order) {
    globalThis.gc?.();
    const began = performance.now();
    const store = await contestant.open(folder);
    if (!(await store.get(key(round)))) throw new Error(`${contestant.name} lost ${key(round)}`);
    samples.get(contestant)!.openMs.push(performance.now() - began);
    running.push({ contestant, store, getMs: 0, putMs: 0, concurrentPutMs: 0 });
  }
  for (const pass of ["firstGetMicros", "getMicros"] as const) {
    for (const each of running) each.getMs = 0;
    await inTurns(running, (each, turn) => getTurn(each, turn));
    for (const { contestant, getMs } of running) samples.get(contestant)![pass].push((getMs / records) * 1_000);
  }
  await inTurns(running, (each, turn) => putTurn(each, { turn, round }));
  await inTurns(running, (each, turn) => concurrentPutTurn(each, { turn, round }));
  for (const each of running) samples.get(each.contestant)!.writtenGetMicros.push(await writtenGets(each));
  for (const { contestant, store, putMs, concurrentPutMs } of running) {
    samples.get(contestant)!.putMicros.push((putMs / contestant.putsPerRound) * 1_000);
    samples.get(contestant)!.concurrentPutMicros.push((concurrentPutMs / (turns * putsAtOnce)) * 1_000);
    await store.close();
  }
}

/** A prime step visits every record in an order of its own. */
async function getTurn(each: Running, turn: number): Promise<void> {
  const count = records / turns;
  const keys = Array.from({ length: count }, (_, i) => key(((turn * count + i) * 7_919) % records));
  const began = performance.now();
  for (const name of keys) await each.store.get(name);
  each.getMs += performance.now() - began;
}

/** Records that were put in this round, each read once; microseconds a get. */
async function writtenGets({ contestant, store }: Running): Promise<number> {
  const keys = Array.from({ length: contestant.putsPerRound }, (_, i) => key(putIndex(i)));
  const began = performance.now();
  for (const name of keys) await store.get(name);
  return ((performance.now() - began) / keys.length) * 1_000;
}

const putIndex = (i: number): number => (i * 7_919) % records;

async function putTurn(each: Running, { turn, round }: { turn: number; round: number }): Promise<void> {
  const count = each.contestant.putsPerRound / turns;
  const entries = Array.from({ length: count }, (_, i) => {
    const index = putIndex(turn * count + i);
    return [key(index), value(index, round + 1)] as const;
  });
  const began = performance.now();
  for (const [name, data] of entries) await each.store.put(name, data);
  each.putMs += performance.now() - began;
}

/** Puts that wait for each other's commit where the store can share one. */
async function concurrentPutTurn(each: Running, { turn, round }: { turn: number; round: number }): Promise<void> {
  const entries = Array.from({ length: putsAtOnce }, (_, i) => {
    const index = records - 1 - (turn * putsAtOnce + i);
    return [key(index), value(index, round + 1_000)] as const;
  });
  const began = performance.now();
  await Promise.all(entries.map(([name, data]) => each.store.put(name, data)));
  each.concurrentPutMs += performance.now() - began;
}

function median(values: readonly number[]): number {
  const sorted = values.slice().sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

/** Median of the rounds' own ratios: neighbours in time share what else the machine did. */
function ratio(of: readonly number[], over: readonly number[]): number {
  return median(over.map((value, i) => value / of[i]!));
}

interface Verdict {
  readonly what: string;
  readonly ratio: number;
  readonly floor: number;
  /** What is wanted and printed, but not gated on. */
  readonly aim?: number;
}

function verdictsOf(samples: ReadonlyMap<Contestant, Samples>): Verdict[] {
  const plain = samples.get(ours.plain)!;
  const encrypted = samples.get(ours.encrypted)!;
  const verdicts: Verdict[] = [
    { what: "encrypted get over plain get, read before", ratio: ratio(encrypted.getMicros, plain.getMicros), floor: floors.get },
    {
      what: "encrypted get over plain get, just written",
      ratio: ratio(encrypted.writtenGetMicros, plain.writtenGetMicros),
      floor: floors.get,
    },
    // A first read decrypts, any other finds the row in the store's memory.
    {
      what: "encrypted get over plain get, first read",
      ratio: ratio(encrypted.firstGetMicros, plain.firstGetMicros),
      floor: 0,
      aim: floors.get,
    },
    { what: "encrypted put over plain put, one a tick", ratio: ratio(encrypted.putMicros, plain.putMicros), floor: floors.put },
  ];
  for (const peer of peers) {
    const other = samples.get(peer)!;
    if (peer.isDurable) {
      verdicts.push({
        what: `put over ${peer.name}, ${putsAtOnce} at once`,
        ratio: ratio(plain.concurrentPutMicros, other.concurrentPutMicros),
        floor: 1,
      });
      verdicts.push({ what: `put over ${peer.name}, one by one`, ratio: ratio(plain.putMicros, other.putMicros), floor: 1 });
    }
    if (peer.isDurable && peer.readsFromDisk)
      verdicts.push({ what: `get over ${peer.name}`, ratio: ratio(plain.getMicros, other.getMicros), floor: 1 });
  }
  return verdicts;
}

function report(samples: ReadonlyMap<Contestant, Samples>, { json, rounds }: { json: boolean; rounds: number }): { ok: boolean } {
  const verdicts = verdictsOf(samples);
  const ok = verdicts.every(({ ratio: reached, floor }) => reached >= floor);
  const medians = contestants.map((contestant) => ({
    name: contestant.name,
    durability: contestant.durability,
    ...Object.fromEntries(measures.map((name) => [name, Number(median(samples.get(contestant)![name]).toFixed(2))])),
  })) as (Record<Measure, number> & { name: string; durability: string })[];
  const [plain, encrypted] = [medians[0]!, medians[1]!];
  const added = {
    getMicros: encrypted.firstGetMicros - plain.firstGetMicros,
    concurrentPutMicros: encrypted.concurrentPutMicros - plain.concurrentPutMicros,
    putMicros: encrypted.putMicros - plain.putMicros,
  };
  if (json) {
    console.log(JSON.stringify({ bench: "persist", records, rounds, medians, added, verdicts, ok }, null, 2));
    return { ok };
  }
  console.log(`persist: ${records} records of about 275 bytes, medians of ${rounds} interleaved rounds\n`);
  console.log(
    `${"".padEnd(28)}${"open + first read".padStart(18)}${"first get".padStart(12)}${"get again".padStart(12)}${"get written".padStart(13)}${"put, one by one".padStart(18)}${"put, 100 at once".padStart(18)}${"fill".padStart(12)}`,
  );
  for (const row of medians) {
    console.log(
      `${row.name.padEnd(28)}${`${row.openMs.toFixed(1)} ms`.padStart(18)}${`${row.firstGetMicros.toFixed(1)} us`.padStart(12)}${`${row.getMicros.toFixed(1)} us`.padStart(12)}${`${row.writtenGetMicros.toFixed(1)} us`.padStart(13)}${`${row.putMicros.toFixed(0)} us`.padStart(18)}${`${row.concurrentPutMicros.toFixed(1)} us`.padStart(18)}${`${row.fillMicros.toFixed(1)} us`.padStart(12)}`,
    );
    console.log(`${"".padEnd(4)}${row.durability}`);
  }
  console.log(
    `\nencryption adds ${added.getMicros.toFixed(1)} us to a first get (aim 25), ${added.concurrentPutMicros.toFixed(1)} us to each of ${putsAtOnce} puts at once, ${added.putMicros.toFixed(1)} us to a put alone (aim 30)`,
  );
  for (const { what, ratio: reached, floor, aim } of verdicts) {
    const bound = aim === undefined ? `floor ${floor}` : `aim ${aim}, not a gate`;
    console.log(`${reached < floor ? "MISS " : reached < (aim ?? 0) ? "below" : "ok   "} ${what}: ${reached.toFixed(2)} (${bound})`);
  }
  return { ok };
}
