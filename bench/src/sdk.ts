// The client beside posthog-node, Sentry's logs, OpenTelemetry's logs and pino: the same events, a real HTTP sink, each in a process of its own, interleaved.
import { fork } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { Measurement } from "./sdk/measure.ts";
import { type SubjectName, subjectNames } from "./sdk/subjects.ts";

const MOST_PER_STRINGIFY = 1.6;
const LEAST_PER_POSTHOG = 10;

interface Result {
  readonly name: SubjectName;
  readonly callNs: number;
  /** Call time over the time of JSON.stringify of the same event, in the same process. */
  readonly ratio: number;
  readonly cpuMicros: number;
}

/** Prints the comparison; `ok` is false when a floor is missed. */
export async function run({
  quick,
  json,
}: {
  readonly quick: boolean;
  readonly json: boolean;
  readonly check: boolean;
}): Promise<{ ok: boolean }> {
  const sink = await startSink();
  const passes = quick ? 1 : 3;
  const all = new Map<SubjectName, Measurement[]>(subjectNames.map((name) => [name, []]));
  try {
    for (let pass = 0; pass < passes; pass++) {
      for (const name of subjectNames) all.get(name)?.push(await measure(name, sink.url, quick ? 10 : 30));
    }
  } finally {
    sink.close();
  }
  const results = subjectNames.map((name) => summarise(name, all.get(name) ?? []));
  const [cuitty, posthog] = results as [Result, Result];
  const timesPosthog = posthog.cpuMicros / cuitty.cpuMicros;
  if (json)
    console.log(JSON.stringify({ bench: "sdk", floors: { MOST_PER_STRINGIFY, LEAST_PER_POSTHOG }, timesPosthog, results }, null, 2));
  else print(results, timesPosthog);
  return { ok: cuitty.ratio <= MOST_PER_STRINGIFY && timesPosthog >= LEAST_PER_POSTHOG };
}

/** Takes whatever comes and answers what every one of the clients takes for a yes. */
async function startSink(): Promise<{ readonly url: string; close(): void }> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => response.setHeader("Content-Type", "application/json").end('{"status":1,"accepted":1,"rejected":[]}'));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function measure(name: SubjectName, url: string, rounds: number): Promise<Measurement> {
  const child = fork(fileURLToPath(new URL("sdk/measure.ts", import.meta.url)), [name, url, String(rounds)]);
  return new Promise((resolve, reject) => {
    child.once("message", (report) => resolve(report as Measurement));
    child.once("exit", (code) =>
      reject(new Error(`${name} ended with ${code} before it reported; is bench/ installed (npm ci in bench/)?`)),
    );
  });
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

function summarise(name: SubjectName, measurements: readonly Measurement[]): Result {
  return {
    name,
    callNs: median(measurements.map(({ callNs }) => callNs)),
    ratio: median(measurements.map(({ callNs, jsonNs }) => callNs / jsonNs)),
    cpuMicros: median(measurements.map(({ cpuMicros }) => cpuMicros)),
  };
}

function print(results: readonly Result[], timesPosthog: number): void {
  console.log("client        call        x JSON.stringify   CPU an event, delivered");
  for (const { name, callNs, ratio, cpuMicros } of results) {
    console.log(
      `${name.padEnd(10)}${`${Math.round(callNs)} ns`.padStart(10)}${ratio.toFixed(2).padStart(16)}${`${cpuMicros.toFixed(2)} us`.padStart(20)}`,
    );
  }
  console.log(
    `\ncuitty: a call <= ${MOST_PER_STRINGIFY}x JSON.stringify; CPU an event ${timesPosthog.toFixed(1)}x less than posthog (at least ${LEAST_PER_POSTHOG}x)`,
  );
}
