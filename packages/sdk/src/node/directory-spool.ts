// A spool in a folder: one file a batch, shared by any number of processes, claimed by renaming.
import { readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import type { DirectorySpoolOptions, SpoolAdapter, SpooledBatch, SpoolLossListener } from "../spool.ts";
import type { SpoolWriter } from "./spool-writer.ts";

const maxBytesDefault = 64 * 2 ** 20;
const maxAgeDefaultMs = 7 * 24 * 3_600_000;
/** A file of another process that seems alive is taken over after this time: process ids are used again. Units: ms. */
const abandonedMs = 15 * 60_000;
const rescanMs = 10_000;
/** No write takes this long. Units: ms. */
const oldPartMs = 24 * 3_600_000;
const partName = /^\d+_[0-9a-f-]{36}_\d+_\w+\.part$/;

interface SpoolFile {
  readonly name: string;
  readonly sealedAtMs: number;
  readonly key: string;
  readonly pid: number;
  readonly owner: string;
}

/** Makes a writer's folder a whole spool. Sending twice is harmless (same key, same events), so taking over may err on the side of doing it. */
export function createDirectorySpool(writer: SpoolWriter, options: Partial<DirectorySpoolOptions> = {}): SpoolAdapter {
  const { directory, owner } = writer;
  const { maxBytes = maxBytesDefault, maxAgeMs = maxAgeDefaultMs } = options;
  const sizes = new Map<string, number>();
  /** Files that were given up and cannot be removed. */
  const lost = new Set<string>();
  let files: SpoolFile[] = [];
  let scannedAtMs = -Infinity;
  let onLoss: SpoolLossListener = () => {};
  livingOwners().add(owner);

  function scan(): void {
    scannedAtMs = performance.now();
    const names = readdirSync(directory);
    for (const name of names) if (partName.test(name)) sweep(`${directory}/${name}`);
    files = names
      .map(parseName)
      .filter((file) => file !== undefined)
      .filter(({ name }) => !lost.has(name));
    files.sort((a, b) => a.sealedAtMs - b.sealedAtMs);
    for (const { name } of files) if (!sizes.has(name)) sizes.set(name, sizeOf(`${directory}/${name}`));
    for (const name of sizes.keys()) if (!files.some((file) => file.name === name)) sizes.delete(name);
  }

  /** Half a batch of a process that ended, or had no room, while it wrote. */
  function sweep(path: string): void {
    const { mtimeMs = Infinity } = statSync(path, { throwIfNoEntry: false }) ?? {};
    if (Date.now() - mtimeMs > oldPartMs) rmSync(path, { force: true });
  }

  function read({ name, key, sealedAtMs }: SpoolFile): SpooledBatch | undefined {
    try {
      return { key, sealedAtMs, events: readFileSync(`${directory}/${name}`, "utf8").split("\n") };
    } catch (error) {
      // Another process took it.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  function drop(file: SpoolFile): void {
    files = files.filter((other) => other !== file);
    sizes.delete(file.name);
    rmSync(`${directory}/${file.name}`, { force: true });
  }

  function lose(file: SpoolFile, reason: "spool_full" | "expired"): void {
    const batch = read(file);
    lost.add(file.name);
    if (batch) onLoss(batch, reason);
    drop(file);
    lost.delete(file.name);
  }

  /** True when the file is ours now. */
  function take(file: SpoolFile): SpoolFile | undefined {
    if (file.owner === owner) return file;
    if (isOwned(file)) return undefined;
    const name = nameOf(file, owner);
    try {
      renameSync(`${directory}/${file.name}`, `${directory}/${name}`);
    } catch (error) {
      // Anything else, such as no descriptor left, says nothing about what is in the file.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      drop(file);
      return undefined;
    }
    const own = { ...file, name, owner, pid: process.pid };
    files = files.map((other) => (other === file ? own : other));
    sizes.set(name, sizes.get(file.name) ?? 0);
    sizes.delete(file.name);
    return own;
  }

  return {
    onLoss(listener) {
      onLoss = listener;
    },
    put(batch) {
      if (scannedAtMs < 0) scan();
      const part = `${directory}/${nameOf(batch, owner, "part")}`;
      try {
        writer.put(batch);
      } catch (error) {
        rmSync(part, { force: true });
        throw error;
      }
      const file = { sealedAtMs: batch.sealedAtMs, key: batch.key, pid: process.pid, owner };
      const name = nameOf(file, owner);
      sizes.set(name, sizeOf(`${directory}/${name}`));
      files.push({ ...file, name });
      let total = 0;
      for (const size of sizes.values()) total += size;
      for (const oldest of [...files]) {
        if (total <= maxBytes) break;
        total -= sizes.get(oldest.name) ?? 0;
        lose(oldest, "spool_full");
      }
    },
    remove(key) {
      // The writer may have been used without this spool.
      if (scannedAtMs < 0) scan();
      for (const file of files) if (file.key === key && file.owner === owner) drop(file);
    },
    claim(isHeld) {
      if (performance.now() - scannedAtMs > rescanMs) scan();
      for (const file of files) {
        if (isHeld(file.key)) continue;
        const own = take(file);
        if (!own) continue;
        if (Date.now() - own.sealedAtMs > maxAgeMs) lose(own, "expired");
        else {
          const batch = read(own);
          if (batch) return batch;
          drop(own);
        }
      }
      return undefined;
    },
    close() {
      livingOwners().delete(owner);
    },
  };
}

/** Owners of this process, over all copies of this package. A file with our process id and another owner was left over by an earlier process. */
function livingOwners(): Set<string> {
  const shared = globalThis as { [key: symbol]: Set<string> | undefined };
  const key = Symbol.for("cuitty.sdk.owners");
  shared[key] ??= new Set();
  return shared[key];
}

function nameOf({ sealedAtMs, key }: Pick<SpoolFile, "sealedAtMs" | "key">, owner: string, ending = "batch"): string {
  return `${sealedAtMs}_${key}_${process.pid}_${owner}.${ending}`;
}

function parseName(name: string): SpoolFile | undefined {
  const [, sealedAtMs, key, pid, owner] = /^(\d+)_([0-9a-f-]{36})_(\d+)_(\w+)\.batch$/.exec(name) ?? [];
  return key && owner ? { name, sealedAtMs: Number(sealedAtMs), key, pid: Number(pid), owner } : undefined;
}

/** Whether a living client other than ours has the file. */
function isOwned({ pid, owner, sealedAtMs }: SpoolFile): boolean {
  if (pid === process.pid) return livingOwners().has(owner);
  if (Date.now() - sealedAtMs > abandonedMs) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives and belongs to another user.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
