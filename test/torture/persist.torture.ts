// Kills a process that writes to an encrypted store, again and again; then a million writes that must never share a nonce.
import { spawn } from "node:child_process";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createStore, type PersistAdapter } from "@cuitty/persist";
import { bundleWriter, generator } from "./persist/bundle.ts";
import { check, emptySaid, hear, type Said } from "./persist/check.ts";
import { createNonceBook, nonceId } from "./persist/nonces.ts";

const invariant =
  "every acknowledged write is there and whole, no batch is halved, every row opens, and no (segment, nonce) pair repeats over kills, restarts and copies";

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

/** 60 kills and 100,000 writes when quick, 500 and 1,000,000 otherwise. */
export async function run({ quick, seed, log }: Options): Promise<Result> {
  const kills = quick ? 60 : 500;
  const random = generator(seed);
  const folder = await mkdtemp(join(tmpdir(), "cuitty-torture-persist-"));
  const writer = await bundleWriter();
  const violations: string[] = [];
  try {
    violations.push(...(await killAgainAndAgain({ kills, random, folder, writer: writer.path, log })));
    violations.push(...(await manyWrites(quick ? 100_000 : 1_000_000, log)));
  } finally {
    await writer.remove();
    await rm(folder, { recursive: true, force: true });
  }
  for (const violation of violations.slice(0, 10)) log(violation);
  return { name: "persist", runs: kills, violations: violations.length, invariant };
}

interface Kills {
  readonly kills: number;
  readonly random: () => number;
  readonly folder: string;
  readonly writer: string;
  log(line: string): void;
}

async function killAgainAndAgain({ kills, random, folder, writer, log }: Kills): Promise<string[]> {
  const path = join(folder, "store.db");
  const said = emptySaid();
  const book = createNonceBook();
  const violations: string[] = [];
  let next = 0;
  for (let kill = 0; kill < kills; kill++) {
    await runAndKill({ writer, path, first: next, rotate: kill % 25 === 24, afterMs: random() * 120 }, said);
    next = Math.max(next, ...said.tried.values()) + 1;
    violations.push(...(await book.read(path)).map((text) => `kill ${kill}: ${text}`));
    violations.push(...(await check(path, said)).map((text) => `kill ${kill}: ${text}`));
    if (kill % 50 === 10) violations.push(...(await writeInCopy(folder, book)));
    if (violations.length > 20) break;
    if ((kill + 1) % 50 === 0)
      log(`${kill + 1} kills, ${next} steps, ${said.eventsDone.size} acknowledged batches, ${book.size} sealed values seen`);
  }
  return violations;
}

function runAndKill(options: { writer: string; path: string; first: number; rotate: boolean; afterMs: number }, said: Said): Promise<void> {
  const child = spawn(process.execPath, [options.writer, options.path, String(options.first), options.rotate ? "rotate" : ""], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  return new Promise((resolveRun, reject) => {
    let isKilled = false;
    lines.on("line", (line) => {
      hear(said, line);
      if (line !== "open") return;
      setTimeout(() => {
        isKilled = true;
        child.kill("SIGKILL");
      }, options.afterMs);
    });
    child.once("close", (code) => (isKilled ? resolveRun() : reject(new Error(`the writer ended by itself with ${code}`))));
  });
}

/** A copied folder is opened and written to: its segments must be others than the original's next ones. */
async function writeInCopy(folder: string, book: ReturnType<typeof createNonceBook>): Promise<string[]> {
  const copy = `${folder}-copy`;
  await cp(folder, copy, { recursive: true });
  try {
    const store = await createStore({ name: "torture", path: join(copy, "store.db"), encrypt: true, keyStorage: "file" });
    for (let i = 0; i < 50; i++) await store.records.put(`slot/${i}`, { n: -1 });
    await store.close();
    return await book.read(join(copy, "store.db"));
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** Writes through a store whose adapter keeps only the nonces; opened anew ten times. */
async function manyWrites(writes: number, log: (line: string) => void): Promise<string[]> {
  const seen = new Set<string>();
  const rows = new Map<string, unknown>();
  let sealed = 0;
  const adapter: PersistAdapter = {
    capabilities: { bytes: true },
    get: async (key) => rows.get(key),
    put: async (key, value) => void rows.set(key, value),
    delete: async (key) => rows.delete(key),
    list: async () => [],
    batch: async (ops) => {
      for (const op of ops) {
        if (op.type !== "put" || !(op.value instanceof Uint8Array)) continue;
        seen.add(nonceId(op.key, op.value));
        sealed++;
      }
    },
  };
  for (let part = 0; part < 10; part++) {
    const store = await createStore({ name: "many", adapter, encrypt: true, key: new Uint8Array(32).fill(1), keyStorage: "none" });
    for (let from = 0; from < writes / 10; from += 1_000) {
      // The same few keys over and over: the worst case for a nonce that comes from the path.
      await Promise.all(Array.from({ length: 1_000 }, (_, i) => store.records.put(`hot/${i % 4}`, i)));
    }
    await store.close();
  }
  log(`${sealed} writes to 4 keys, ${seen.size} different (segment, nonce) pairs`);
  return sealed === seen.size && sealed === writes ? [] : [`${sealed} writes gave ${seen.size} (segment, nonce) pairs`];
}
