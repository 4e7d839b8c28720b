// Measures one client in a process of its own: time of a call, CPU of an event over all threads, time to load. Started by ../sdk.ts with orders in argv.
import { setImmediate as turn } from "node:timers/promises";
import { type BenchEvent, type SubjectName, subjects } from "./subjects.ts";

export interface Measurement {
  /** Median over blocks of calls. Units: ns. */
  readonly callNs: number;
  /** The same for JSON.stringify of the same events, in the same process, block by block. Units: ns. */
  readonly jsonNs: number;
  /** User and system time of all threads, delivery included. Units: us. */
  readonly cpuMicros: number;
}

const callsPerTurn = 500;
const turnsPerDrain = 4;

const [name, url, rounds] = process.argv.slice(2) as [SubjectName, string, string];
const subject = await subjects[name](url);

const eventOf = (n: number): BenchEvent => ({
  type: "audit",
  timestamp: "2026-11-20T22:38:44.503Z",
  data: { actor: "alice@example.com", action: "secret.rotate", resource: "stripe.live_key", path: "/api/secrets/rotate", n },
});

let sink = 0;
const calls: number[] = [];
const jsons: number[] = [];

function timed(work: () => void): number {
  const startedAt = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - startedAt) / callsPerTurn;
}

/** One drain's worth of events. */
async function round(isMeasured: boolean): Promise<number> {
  const events = Array.from({ length: callsPerTurn }, (_, n) => eventOf(n));
  const before = process.cpuUsage();
  let jsonMicros = 0;
  for (let index = 0; index < turnsPerDrain; index++) {
    const startedAt = process.cpuUsage();
    const jsonNs = timed(() => {
      for (const event of events) sink += JSON.stringify(event).length;
    });
    const { user, system } = process.cpuUsage(startedAt);
    jsonMicros += user + system;
    const callNs = timed(() => {
      for (const event of events) subject.emit(event);
    });
    if (isMeasured) {
      calls.push(callNs);
      jsons.push(jsonNs);
    }
    await turn();
  }
  await subject.drain();
  const { user, system } = process.cpuUsage(before);
  return (user + system - jsonMicros) / (callsPerTurn * turnsPerDrain);
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

for (let warm = 0; warm < 10; warm++) await round(false);
const cpu: number[] = [];
for (let index = 0; index < Number(rounds); index++) cpu.push(await round(true));
await subject.close();
const report: Measurement = { callNs: median(calls), jsonNs: median(jsons), cpuMicros: median(cpu) };
process.send?.({ ...report, sink: sink > 0 });
process.disconnect?.();
