// How long after a commit another process hears of it, on each engine; with the lateness of plain timers beside it, which is the machine's own.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { HonkerEventTarget, open } from "@cuitty/storage/sqlite";

const CEILING_MS = 5;
const TIMER_MS = 5;

interface Quantiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

interface Result {
  readonly engine: "honker" | "libsql";
  /** Commit returned there to listener called here. Units: ms. */
  readonly wake: Quantiles;
  /** How late 5 ms timers fired meanwhile. Units: ms. */
  readonly timers: Quantiles;
}

function quantiles(values: readonly number[]): Quantiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}

function watchTimers(): () => number[] {
  const late: number[] = [];
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    late.push(Math.max(0, nowMs - lastMs - TIMER_MS));
    lastMs = nowMs;
  }, TIMER_MS);
  return () => {
    clearInterval(timer);
    return late;
  };
}

async function measure(engine: Result["engine"], count: number): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "cuitty-bench-"));
  const path = join(folder, "events.db");
  const client = open(path, { engine });
  const target = new HonkerEventTarget<{ tick: { n: number } }>(client);
  const heardAtMs: number[] = [];
  target.addEventListener("tick", ({ detail }) => {
    heardAtMs[detail.n] = performance.timeOrigin + performance.now();
  });
  const stopTimers = watchTimers();
  try {
    const child = fork(join(import.meta.dirname, "storage-wake-emitter.ts"), [path, engine, String(count)]);
    const [committedAtMs] = (await once(child, "message")) as [number[]];
    await sleep(200);
    const wake = committedAtMs.map((committed, n) => Math.max(0, (heardAtMs[n] ?? Number.POSITIVE_INFINITY) - committed));
    return { engine, wake: quantiles(wake), timers: quantiles(stopTimers()) };
  } finally {
    stopTimers();
    target.close();
    client.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const show = ({ p50, p90, p99, max }: Quantiles) =>
  `p50 ${p50.toFixed(2)}  p90 ${p90.toFixed(2)}  p99 ${p99.toFixed(2)}  max ${max.toFixed(2)}`;

/** Prints both engines; `ok` is false when an event was not heard, or p99 passes 5 ms by more than the machine's own timers are late. */
export async function run({
  quick,
  json,
}: {
  readonly quick: boolean;
  readonly json: boolean;
  readonly check: boolean;
}): Promise<{ ok: boolean }> {
  const results: Result[] = [];
  for (const engine of ["honker", "libsql"] as const) results.push(await measure(engine, quick ? 300 : 1000));
  if (json) console.log(JSON.stringify({ bench: "storage-wake", ceilingMs: CEILING_MS, results }, null, 2));
  else {
    console.log(`Commit to wake across processes, ms (p99 at most ${CEILING_MS} on an idle machine)`);
    for (const { engine, wake, timers } of results) console.log(`${engine.padEnd(8)} ${show(wake)}   timers late: ${show(timers)}`);
  }
  return { ok: results.every(({ wake, timers }) => wake.max < Number.POSITIVE_INFINITY && wake.p99 <= CEILING_MS + timers.p99) };
}
