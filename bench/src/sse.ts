// Live streams against Hono's streamSSE: CPU a delivery, memory a client, what a client that stops reading costs. Servers and clients in processes of their own.
import { type ChildProcess, fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClientOrder, ClientReport } from "./sse/clients.ts";
import type { Contestant, Order } from "./sse/server.ts";

/** Absolute floors hold on a quiet machine; the ratios to streamSSE in the same run hold on any. */
const FLOORS = {
  kit: { cpuMicros: 15, cpuRatio: 0.45, kilobytes: 16 },
  "kit-web": { cpuMicros: 30, cpuRatio: 0.85, kilobytes: 28 },
} as const;
const STALLED_KILOBYTES = 1_024;

interface Round {
  readonly contestant: Contestant;
  readonly clients: number;
  readonly cpuMicros: number;
  readonly kilobytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Every client got every event exactly once. */
  readonly isComplete: boolean;
}

interface Stalled {
  readonly contestant: Contestant;
  readonly clients: number;
  readonly sentMegabytes: number;
  readonly kilobytesEach: number;
  /** Of those who read, without and beside those who do not. */
  readonly p99Ms: { readonly alone: number; readonly beside: number };
}

/** Prints the comparison; `ok` is false when a floor is missed or an event was lost or came twice. */
export async function run({
  quick,
  json,
}: {
  readonly quick: boolean;
  readonly json: boolean;
  readonly check: boolean;
}): Promise<{ ok: boolean }> {
  const deliveries = quick ? 50_000 : 100_000;
  const rounds: Round[] = [];
  for (const clients of [1_000, 10_000]) {
    for (let round = 0; round < (quick ? 1 : 3); round++) {
      for (const contestant of ["kit", "kit-web", "hono"] as const) rounds.push(await fanOut(contestant, clients, deliveries / clients));
    }
  }
  const stalled = [await stall("kit", 50), await stall("kit-web", 50), await stall("hono", 5)];
  const results = [1_000, 10_000].map((clients) => summarize(rounds, clients));
  if (json)
    console.log(JSON.stringify({ bench: "sse", floors: FLOORS, stalledFloorKilobytes: STALLED_KILOBYTES, results, stalled }, null, 2));
  else print(results, stalled);
  const isLean = stalled.every(({ contestant, kilobytesEach }) => contestant === "hono" || kilobytesEach <= STALLED_KILOBYTES);
  return { ok: isLean && rounds.every(({ isComplete }) => isComplete) && results.every(meetsFloors) };
}

interface Pair {
  readonly server: ChildProcess;
  readonly clients: ChildProcess;
  readonly port: number;
  readonly apiKey: string;
}

async function withPair<T>(contestant: Contestant, body: (pair: Pair) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), "cuitty-bench-sse-"));
  const execArgv = ["--expose-gc", "--conditions=@cuitty/source", "--import", "tsx"];
  const server = fork(join(import.meta.dirname, "sse", "server.ts"), [contestant, dataDir], {
    execArgv,
    env: { ...process.env, CUITTY_MASTER_KEY: "00".repeat(32) },
  });
  const clients = fork(join(import.meta.dirname, "sse", "clients.ts"), { execArgv: ["--import", "tsx"] });
  try {
    const { port, apiKey } = (await answerOf(server)) as { port: number; apiKey: string };
    return await body({ server, clients, port, apiKey });
  } finally {
    server.kill("SIGKILL");
    clients.kill("SIGKILL");
    await rm(dataDir, { recursive: true, force: true });
  }
}

function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`a process of the bench ended with code ${code}`));
    child.once("exit", onExit);
    child.once("message", (message) => {
      child.off("exit", onExit);
      resolve(message);
    });
  });
}

async function ask(child: ChildProcess, order: Order | ClientOrder): Promise<unknown> {
  const answer = answerOf(child);
  child.send(order);
  return answer;
}

const rssOf = async ({ server }: Pair): Promise<number> => ((await ask(server, { kind: "memory" })) as { rss: number }).rss;

function fanOut(contestant: Contestant, count: number, messages: number): Promise<Round> {
  return withPair(contestant, async (pair) => {
    const { server, clients, port, apiKey } = pair;
    const open = (howMany: number): Promise<unknown> => ask(clients, { kind: "open", port, apiKey, count: howMany, isStalled: false });
    const emit = (howMany: number, gapMs: number): Promise<unknown> =>
      ask(server, { kind: "emit", count: howMany, gapMs, bytes: 180, settleMs: 1_000 });
    // A first few pay for what is loaded and compiled once.
    const first = Math.round(count / 20);
    await open(first);
    await emit(5, 20);
    const before = await rssOf(pair);
    await open(count - first);
    const kilobytes = ((await rssOf(pair)) - before) / 1024 / (count - first);
    await ask(clients, { kind: "reset" });
    const { cpuMicros } = (await emit(messages, Math.max(100, count / 10))) as { cpuMicros: number };
    const report = (await ask(clients, { kind: "report" })) as ClientReport;
    const isComplete = report.least === messages && report.most === messages && report.closed === 0;
    return {
      contestant,
      clients: count,
      cpuMicros: cpuMicros / (count * messages),
      kilobytes,
      p50Ms: report.p50Ms,
      p99Ms: report.p99Ms,
      isComplete,
    };
  });
}

/** Clients that take the head and then nothing, while others read on. */
function stall(contestant: Contestant, count: number): Promise<Stalled> {
  return withPair(contestant, async (pair) => {
    const { server, clients, port, apiKey } = pair;
    const events = 400;
    const bytes = 50_000;
    const emit = async (): Promise<number> => {
      await ask(clients, { kind: "reset" });
      await ask(server, { kind: "emit", count: events, gapMs: 5, bytes, settleMs: 500 });
      return ((await ask(clients, { kind: "report" })) as ClientReport).p99Ms;
    };
    await ask(clients, { kind: "open", port, apiKey, count: 20, isStalled: false });
    // The same traffic without them first: what the server itself needs for it is not theirs.
    const alone = await emit();
    await ask(clients, { kind: "open", port, apiKey, count, isStalled: true });
    const before = await rssOf(pair);
    const beside = await emit();
    const kilobytesEach = Math.max(0, (await rssOf(pair)) - before) / 1024 / count;
    return { contestant, clients: count, sentMegabytes: (events * bytes) / 2 ** 20, kilobytesEach, p99Ms: { alone, beside } };
  });
}

interface Summary {
  readonly clients: number;
  readonly by: Readonly<Record<Contestant, Omit<Round, "contestant" | "clients">>>;
}

function summarize(rounds: readonly Round[], clients: number): Summary {
  const of = (contestant: Contestant) => {
    const mine = rounds.filter((round) => round.contestant === contestant && round.clients === clients);
    const mid = (pick: (round: Round) => number): number => median(mine.map(pick));
    return {
      cpuMicros: mid((round) => round.cpuMicros),
      kilobytes: mid((round) => round.kilobytes),
      p50Ms: mid((round) => round.p50Ms),
      p99Ms: mid((round) => round.p99Ms),
      isComplete: mine.every(({ isComplete }) => isComplete),
    };
  };
  return { clients, by: { kit: of("kit"), "kit-web": of("kit-web"), hono: of("hono") } };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

function meetsFloors({ clients, by }: Summary): boolean {
  return (["kit", "kit-web"] as const).every((contestant) => {
    const { cpuMicros, kilobytes } = by[contestant];
    const floor = FLOORS[contestant];
    const isFast = cpuMicros <= floor.cpuMicros || cpuMicros <= by.hono.cpuMicros * floor.cpuRatio;
    // Memory a client is promised for 10,000: with few of them the heap's own steps weigh more than the clients.
    return isFast && (clients < 10_000 || kilobytes <= floor.kilobytes);
  });
}

const names: Readonly<Record<Contestant, string>> = { kit: "kit, Node response", "kit-web": "kit, web stream", hono: "Hono streamSSE" };

function print(results: readonly Summary[], stalled: readonly Stalled[]): void {
  for (const { clients, by } of results) {
    console.log(`\n${clients} clients                CPU a delivery   of streamSSE   memory a client   p50      p99`);
    for (const [contestant, round] of Object.entries(by) as [Contestant, Summary["by"][Contestant]][]) {
      const ratio = (round.cpuMicros / by.hono.cpuMicros).toFixed(2);
      console.log(
        `${names[contestant].padEnd(24)} ${round.cpuMicros.toFixed(1).padStart(8)} us ${ratio.padStart(13)}x ${round.kilobytes.toFixed(1).padStart(14)} KB ${round.p50Ms.toFixed(0).padStart(7)} ms ${round.p99Ms.toFixed(0).padStart(5)} ms${round.isComplete ? "" : "  INCOMPLETE"}`,
      );
    }
  }
  console.log("");
  for (const { contestant, clients, sentMegabytes, kilobytesEach, p99Ms } of stalled) {
    console.log(
      `${names[contestant].padEnd(24)} a client that reads nothing of ${sentMegabytes.toFixed(0)} MB costs ${kilobytesEach.toFixed(0)} KB (${clients} of them); p99 of the others ${p99Ms.beside.toFixed(0)} ms, without them ${p99Ms.alone.toFixed(0)} ms`,
    );
  }
}
