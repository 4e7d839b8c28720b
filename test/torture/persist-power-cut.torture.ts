// Cuts the power under an encrypted store: replays a recorded run's writes and syncs as a disk may hold them at a random moment.
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { hasCommand, hasPart } from "../support/require-part.ts";
import { bundleWriter, generator } from "./persist/bundle.ts";
import { check, emptySaid, hear } from "./persist/check.ts";
import { createDisk } from "./storage/disk.ts";
import { type DiskOperation, readRecord, record } from "./storage/strace-log.ts";

const name = "persist-power-cut";
const invariant = "every acknowledged write survives the cut whole, no batch is halved, every row opens";
/** Enough for the WAL to be checkpointed and begun anew. */
const steps = 1_200;

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

/** 200 cuts when quick, 2,000 otherwise. */
export async function run({ quick, seed, log }: Options): Promise<Result> {
  if (!hasPart("strace", hasCommand("strace", "-V"), "install it with the system's package manager")) {
    return { name, runs: 0, violations: 0, invariant: "skipped: strace is missing" };
  }
  const cuts = quick ? 200 : 2_000;
  const folder = await mkdtemp(join(tmpdir(), "cuitty-persist-cut-"));
  const writer = await bundleWriter();
  try {
    const path = join(folder, "store.db");
    await record([process.execPath, writer.path, path, "0", "", String(steps)], join(folder, "strace.log"));
    const operations = [...readRecord(join(folder, "strace.log"))];
    const violations = await cutOften(operations, { path, folder, cuts, random: generator(seed) });
    log(`${cuts} cuts in a run of ${operations.length} operations, ${operations.filter(({ type }) => type === "sync").length} syncs`);
    for (const violation of violations.slice(0, 10)) log(violation);
    return { name, runs: cuts, violations: violations.length, invariant };
  } finally {
    await writer.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Cutting {
  readonly path: string;
  readonly folder: string;
  readonly cuts: number;
  readonly random: () => number;
}

/** Walks the record once, cutting at random positions after the store was open. */
async function cutOften(operations: readonly DiskOperation[], { path, folder, cuts, random }: Cutting): Promise<string[]> {
  const disk = createDisk((file) => file === path || file === `${path}-wal` || file === `${path}-journal`);
  const opened = operations.findIndex((operation) => operation.type === "say" && operation.text.includes("open"));
  const positions = Array.from({ length: cuts }, () => opened + Math.floor(random() * (operations.length - opened))).sort((a, b) => a - b);
  const said = emptySaid();
  const violations: string[] = [];
  let next = 0;
  for (const [position, operation] of operations.entries()) {
    disk.apply(operation);
    if (operation.type === "say") for (const line of operation.text.trim().split("\n")) hear(said, line);
    for (; next < positions.length && positions[next] === position; next++) {
      const place = join(folder, `cut-${next}`);
      await mkdir(place);
      for (const [image, bytes] of disk.cut(random)) await writeFile(join(place, basename(image)), bytes);
      // The key was synced before the store's first row.
      await copyFile(`${path}.key`, join(place, "store.db.key"));
      const found = await check(join(place, "store.db"), said);
      violations.push(...found.map((text) => `cut ${next} after operation ${position}: ${text}`));
      await rm(place, { recursive: true });
      // The libSQL binding closes descriptors at garbage collection.
      if (next % 50 === 0) globalThis.gc?.();
    }
  }
  return violations;
}
