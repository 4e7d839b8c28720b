// Cuts the power: replays a recorded run's writes and syncs as a disk may hold them at a random moment, and looks into what is left.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { hasCommand, hasPart } from "../support/require-part.ts";
import { createDisk } from "./storage/disk.ts";
import { checkEvents } from "./storage/schema.ts";
import { type DiskOperation, readRecord, record } from "./storage/strace-log.ts";
import { type Bundle, bundleWorkload, generator, inspect, type TortureOptions, type TortureResult } from "./storage/tools.ts";

const invariant = "at synchronous FULL every acknowledged write survives the cut whole, and integrity_check says ok";
interface Scenario {
  readonly kind: "groups" | "transactions";
  readonly engine: "libsql" | "honker";
  readonly name: string;
  readonly synchronous: "FULL" | "NORMAL";
}
const scenarios: readonly Scenario[] = [
  { kind: "groups", engine: "libsql", name: "module file", synchronous: "FULL" },
  { kind: "transactions", engine: "honker", name: "Honker file", synchronous: "FULL" },
];
/** At NORMAL acknowledged writes are lost: a replayer that does not see it proves nothing. */
const control: Scenario = { kind: "transactions", engine: "honker", name: "control at NORMAL", synchronous: "NORMAL" };

/** 2,000 cuts when quick, 20,000 otherwise, half on module files and half on Honker files. */
export async function run({ quick, seed, log }: TortureOptions): Promise<TortureResult> {
  const name = "power-cut";
  if (!hasPart("strace", hasCommand("strace", "-V"), "install it with the system's package manager")) {
    return { name, runs: 0, violations: 0, invariant: "skipped: strace is missing" };
  }
  const cuts = quick ? 2_000 : 20_000;
  const folder = mkdtempSync(join(tmpdir(), "cuitty-power-cut-"));
  const bundle = await bundleWorkload();
  let violations = 0;
  try {
    const lost = cutOften(await recordRun(control, bundle, folder), { scenario: control, folder, cuts: 40, random: generator(seed) });
    if (!lost.some((violation) => violation.includes("lost"))) {
      violations++;
      log("the replayer is blind: it found no loss at NORMAL");
    }
    for (const [index, scenario] of scenarios.entries()) {
      const operations = await recordRun(scenario, bundle, folder);
      const found = cutOften(operations, { scenario, folder, cuts: cuts / scenarios.length, random: generator(seed + index) });
      for (const violation of found.slice(0, 10)) log(`${scenario.name}: ${violation}`);
      violations += found.length;
      const syncs = operations.filter(({ type }) => type === "sync").length;
      log(
        `${scenario.name}: ${cuts / scenarios.length} cuts in a run of ${operations.length} operations, ${syncs} syncs, ${acknowledged(operations).length} acknowledged writes`,
      );
    }
    return { name, runs: cuts, violations, invariant };
  } finally {
    bundle.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Enough writes for the WAL to be checkpointed and begun anew more than once. */
const writes = 400;

async function recordRun({ kind, name, synchronous }: Scenario, bundle: Bundle, folder: string): Promise<DiskOperation[]> {
  const log = join(folder, `${kind}.strace`);
  for (const suffix of ["", "-wal", "-shm"]) rmSync(join(folder, `${kind}.db${suffix}`), { force: true });
  await record([process.execPath, bundle.path, kind, join(folder, `${kind}.db`), "0", String(writes), synchronous], log);
  const operations = [...readRecord(log)];
  rmSync(log);
  if (acknowledged(operations).length !== writes)
    throw new Error(`expected ${writes} acknowledged writes, got ${acknowledged(operations).length} (${name})`);
  return operations;
}

function acknowledged(operations: readonly DiskOperation[]): number[] {
  return operations.flatMap((operation) =>
    operation.type === "say" ? [...operation.text.matchAll(/ack (\d+)/g)].map(([, n]) => Number(n)) : [],
  );
}

interface Cutting {
  readonly scenario: Scenario;
  readonly folder: string;
  readonly cuts: number;
  readonly random: () => number;
}

/** Walks the record once, cutting at random positions on the way. */
function cutOften(operations: readonly DiskOperation[], { scenario, folder, cuts, random }: Cutting): string[] {
  const database = join(folder, `${scenario.kind}.db`);
  // The shared-memory file is an index that SQLite builds anew.
  const disk = createDisk((path) => path === database || path === `${database}-wal` || path === `${database}-journal`);
  const positions = Array.from({ length: cuts }, () => Math.floor(random() * operations.length)).sort((a, b) => a - b);
  const acks = new Set<number>();
  const violations: string[] = [];
  let next = 0;
  for (const [position, operation] of operations.entries()) {
    disk.apply(operation);
    if (operation.type === "say") for (const n of acknowledged([operation])) acks.add(n);
    for (; next < positions.length && positions[next] === position; next++) {
      const found = examine(disk.cut(random), acks, { scenario, folder, number: next });
      violations.push(...found.map((text) => `cut ${next} after operation ${position}: ${text}`));
    }
  }
  return violations;
}

function examine(
  images: ReadonlyMap<string, Buffer>,
  acks: ReadonlySet<number>,
  at: { scenario: Scenario; folder: string; number: number },
): string[] {
  const { scenario, folder, number } = at;
  const path = join(folder, `cut-${number}.db`);
  const original = `${scenario.kind}.db`;
  for (const [image, bytes] of images) writeFileSync(path + basename(image).slice(original.length), bytes);
  try {
    return inspect(path, scenario.engine, (query) => checkEvents(query, acks, scenario.kind === "groups"));
  } finally {
    for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(path + suffix, { force: true });
    // The libSQL binding closes descriptors at garbage collection.
    if (number % 50 === 0) globalThis.gc?.();
  }
}
