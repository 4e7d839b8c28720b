// Kills a server (-9) under load, at random moments and at every step of the pipeline; every 200 must be in the files, once.
import { type ChildProcess, fork } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openModules, STAGE_NAMES } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import { logs } from "@cuitty/server-kit/logs";
import { build } from "esbuild";
import { type Credentials, type Ledger, runClient, type Target } from "./ingest-kill/client.ts";

const root = resolve(import.meta.dirname, "../..");
const clients = 6;
const invariant = "every event of every 200 is stored exactly once, and a replay gets the same bytes";

interface Options {
  readonly quick: boolean;
  readonly seed: number;
  log(line: string): void;
}

interface Result {
  readonly name: string;
  readonly runs: number;
  readonly violations: number;
  readonly invariant: string;
}

/** 200 kills when quick, 2,000 otherwise; half at a step, half at a random moment. */
export async function run({ quick, seed, log }: Options): Promise<Result> {
  const kills = quick ? 200 : 2_000;
  const random = generator(seed);
  const folder = await mkdtemp(join(tmpdir(), "cuitty-torture-"));
  const bundle = await bundleServer();
  const ledger: Ledger = { acknowledged: new Set(), wrong: [], batches: 0, replays: 0 };
  let target: Target | null = null;
  let isStopping = false;
  try {
    const first = await start(bundle.path, folder, undefined);
    const credentials = first.credentials as Credentials;
    await stop(first.child);
    const running = Array.from({ length: clients }, (_, index) =>
      runClient({ name: `c${index}`, credentials, target: () => target, isStopping: () => isStopping, random, ledger }),
    );
    for (let kill = 0; kill < kills; kill += 1) {
      const server = await start(bundle.path, folder, kill % 2 === 0 ? stepToKill(kill, random) : undefined);
      const ended = new Promise<void>((resolveEnd) => server.child.once("exit", () => resolveEnd()));
      target = server;
      if (kill % 2 === 1) {
        await sleep(20 + random() * 150);
        server.child.kill("SIGKILL");
      }
      await Promise.race([ended, sleep(10_000).then(() => server.child.kill("SIGKILL"))]);
      await ended;
      target = null;
      if ((kill + 1) % 50 === 0)
        log(`${kill + 1} kills, ${ledger.batches} batches, ${ledger.replays} replays, ${ledger.wrong.length} wrong answers`);
    }
    const last = await start(bundle.path, folder, undefined);
    target = last;
    isStopping = true;
    await Promise.all(running);
    await stop(last.child);
    const violations = [...ledger.wrong, ...(await compareWithFiles(folder, credentials.projectId, ledger))];
    for (const violation of violations.slice(0, 10)) log(violation);
    return { name: "ingest-kill", runs: kills, violations: violations.length, invariant };
  } finally {
    await rm(folder, { recursive: true, force: true });
    await bundle.remove();
  }
}

/** A different step each time, both sides of it, at one of the next batches. `respond` answers: nothing comes after it. */
function stepToKill(kill: number, random: () => number): string {
  const step = (kill / 2) % (STAGE_NAMES.length * 2 - 1);
  const side = step % 2 === 0 ? "before" : "after";
  return `${side}:${STAGE_NAMES[Math.floor(step / 2)]}:${1 + Math.floor(random() * 25)}`;
}

interface Started extends Target {
  readonly child: ChildProcess;
  readonly credentials: Credentials | null;
}

function start(bundle: string, dataDir: string, killAt: string | undefined): Promise<Started> {
  const env = { ...process.env, CUITTY_MASTER_KEY: "11".repeat(32), ...(killAt === undefined ? undefined : { KILL_AT: killAt }) };
  const child = fork(bundle, [dataDir], { env, execArgv: [] });
  return new Promise((resolveStart, reject) => {
    child.once("exit", (code, signal) => reject(new Error(`the server ended before it listened: ${code ?? signal}`)));
    child.once("message", (message) => {
      child.removeAllListeners("exit");
      resolveStart({ child, ...(message as { port: number; credentials: Credentials | null }) });
    });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolveEnd) => child.once("exit", resolveEnd));
  child.send("stop");
  await ended;
}

/** One file instead of a transpiler in every start: a kill takes a tenth of the time. */
async function bundleServer(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const cache = join(root, "node_modules", ".cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "torture-"));
  await build({
    // The thread from the same sources, not from what may have been built before.
    entryPoints: {
      server: join(import.meta.dirname, "ingest-kill", "server.ts"),
      "storage-thread": join(root, "packages/server-kit/src/storage-thread.ts"),
    },
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    conditions: ["@cuitty/source"],
    external: ["libsql", "@libsql/client", "drizzle-orm", "drizzle-orm/*", "@russellthehippo/*"],
    banner: { js: 'import { createRequire as requireMaker } from "node:module"; const require = requireMaker(import.meta.url);' },
    logLevel: "error",
  });
  return { path: join(folder, "server.mjs"), remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Everything acknowledged is there once; what was sent and never acknowledged cannot be, as every client carried its last batch through. */
async function compareWithFiles(dataDir: string, projectId: string, ledger: Ledger): Promise<string[]> {
  const copies = await countMarkers(dataDir, projectId);
  const violations: string[] = [];
  for (const marker of ledger.acknowledged) if (!copies.has(marker)) violations.push(`lost: ${marker}`);
  for (const [marker, count] of copies) {
    if (count > 1) violations.push(`stored ${count} times: ${marker}`);
    if (!ledger.acknowledged.has(marker)) violations.push(`never acknowledged: ${marker}`);
  }
  return violations;
}

/** How often each marker is stored. */
async function countMarkers(dataDir: string, projectId: string): Promise<Map<string, number>> {
  const registry = await openModules({ dataDir, modules: [audit(), logs()] });
  const copies = new Map<string, number>();
  for (const { definition, file } of registry.all) {
    const [stream] = definition.streams ?? [];
    if (stream === undefined) continue;
    let rows = await stream.page(file, { projectId, afterSeq: 0, limit: 5_000 });
    while (rows.length > 0) {
      for (const { dataJson } of rows) {
        const { resource, message } = JSON.parse(dataJson) as { resource?: string; message?: string };
        const marker = resource ?? message ?? "";
        copies.set(marker, (copies.get(marker) ?? 0) + 1);
      }
      rows = await stream.page(file, { projectId, afterSeq: rows.at(-1)?.seq ?? 0, limit: 5_000 });
    }
  }
  await registry.close();
  return copies;
}

/** Mulberry32: small, seeded, good enough to choose moments. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
