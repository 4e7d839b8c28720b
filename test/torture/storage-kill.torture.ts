// Kills a process (-9) in the middle of grouped writes, transactions and migrations; the reopened file must be whole and hold every acknowledged write.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkEvents, checkGenerations } from "./storage/schema.ts";
import { bundleWorkload, generator, inspect, type TortureOptions, type TortureResult } from "./storage/tools.ts";

const invariant = "every acknowledged write is in the file, nothing is torn, no migration is half done, integrity_check says ok";
const kinds = ["groups", "transactions", "migrations"] as const;
type Kind = (typeof kinds)[number];
/** How long the victim lives after its first acknowledgement, at most. Units: ms. */
const lifetimes: Readonly<Record<Kind, number>> = { groups: 60, transactions: 60, migrations: 90 };

interface Victim {
  readonly acknowledged: Set<number>;
  next: number;
}

/** 210 kills when quick, 3,000 otherwise, the three kinds in turn. */
export async function run({ quick, seed, log }: TortureOptions): Promise<TortureResult> {
  const kills = quick ? 210 : 3_000;
  const random = generator(seed);
  const folder = mkdtempSync(join(tmpdir(), "cuitty-torture-"));
  const bundle = await bundleWorkload();
  const victims: Record<Kind, Victim> = {
    groups: { acknowledged: new Set(), next: 0 },
    transactions: { acknowledged: new Set(), next: 0 },
    migrations: { acknowledged: new Set(), next: 0 },
  };
  let violations = 0;
  try {
    for (let kill = 0; kill < kills; kill++) {
      const kind = kinds[kill % kinds.length] as Kind;
      const engine = kind === "groups" || (kind === "migrations" && kill % 2 === 0) ? "libsql" : "honker";
      const path = join(folder, kind === "migrations" ? `migrations-${kill}.db` : `${kind}.db`);
      const argument = kind === "migrations" ? engine : String(victims[kind].next);
      await killOne([bundle.path, kind, path, argument], random() * lifetimes[kind], victims[kind]);
      const found = check(kind, path, engine, victims[kind]);
      for (const violation of found) log(`kill ${kill}, ${kind} on ${engine}: ${violation}`);
      violations += found.length;
      if (kind === "migrations") for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
      if ((kill + 1) % 70 === 0)
        log(`${kill + 1} kills, ${victims.groups.acknowledged.size + victims.transactions.acknowledged.size} acknowledged writes`);
    }
    return { name: "storage-kill", runs: kills, violations, invariant };
  } finally {
    bundle.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Starts the workload, kills it some time after its first acknowledgement, and collects what it acknowledged. */
async function killOne(args: readonly string[], lifetimeMs: number, victim: Victim): Promise<void> {
  const child = spawn(process.execPath, [...args], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  let output = "";
  let timer: NodeJS.Timeout | undefined;
  child.stdout.on("data", (data) => {
    output += data;
    timer ??= setTimeout(() => child.kill("SIGKILL"), lifetimeMs);
  });
  await ended;
  clearTimeout(timer);
  for (const [, n] of output.matchAll(/^ack (\d+)\n/gm)) victim.acknowledged.add(Number(n));
  if (output === "") throw new Error(`the workload ended without a word: ${args.join(" ")}`);
  victim.next = Math.max(victim.next, ...victim.acknowledged) + 10;
}

function check(kind: Kind, path: string, engine: "honker" | "libsql", victim: Victim): string[] {
  if (kind === "migrations") return inspect(path, engine, checkGenerations);
  return inspect(path, engine, (query) => checkEvents(query, victim.acknowledged, kind === "groups"));
}
