// One SQLite file belongs to one SQLite library in a process: two libraries on one file drop each other's locks and lose committed rows.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { threadId } from "node:worker_threads";
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { EngineName } from "./driver.ts";
import { ensureFile, realPathOf } from "./file-path.ts";

const slot = Symbol.for("cuitty.storage.files");

interface Holder {
  readonly engine: EngineName;
  /** Folder of the native library: a second copy of one engine is a second library. */
  readonly library: string;
}

interface Entry extends Holder {
  references: number;
  readonly marker: string | undefined;
  /** Handles shared by later opens, by who made them: two copies of this package do not share objects. */
  readonly shared: Map<symbol, unknown>;
}

/** A claim on a file; `release` gives it back. */
export interface FileClaim {
  /** Absolute path with links resolved. */
  readonly path: string;
  /** The handle that `share` keeps for later claims of the same file; undefined for the first. */
  readonly shared: unknown;
  share(handle: unknown): void;
  /** True when no other claim is left, so that the shared handle has to be closed before `release`. */
  isLast(): boolean;
  /** Idempotent. */
  release(): void;
}

function entries(): Map<string, Entry> {
  const holder = globalThis as { [slot]?: Map<string, Entry> };
  holder[slot] ??= new Map();
  return holder[slot];
}

/** Where the threads of one process tell each other what they hold; no thread can see another's globals. */
function markerFolder(): string {
  const root = process.platform === "win32" ? tmpdir() : "/tmp";
  return join(root, `cuitty-engines-${process.getuid?.() ?? "user"}`, `${process.pid}-${processStart()}`);
}

/** Tells this process from an earlier one with its id. Linux: start time in clock ticks; elsewhere the parent's id. */
function processStart(): string {
  try {
    const stat = readFileSync("/proc/self/stat", "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? String(process.ppid);
  } catch {
    // reason: no /proc on this platform
    return String(process.ppid);
  }
}

function conflict(path: string, holder: Holder, wanted: Holder): CuittyError {
  const sameEngine = holder.engine === wanted.engine ? ` (another copy of the library: ${holder.library} and ${wanted.library})` : "";
  return new CuittyError(
    "engine_conflict",
    `${path} is open in this process with the ${holder.engine} engine and cannot be opened with ${wanted.engine}${sameEngine}: two SQLite libraries on one file lose committed rows. Use one engine for it; after closing, its descriptors may stay open until the process ends`,
    { details: { path, open: holder.engine, wanted: wanted.engine } },
  );
}

/** Other threads' markers for this file. Each is named `<key>.<engine>.<thread>` and holds the library's folder. */
function foreignHolders(folder: string, key: string, own: string): Holder[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${key}.`) && name !== own)
    .flatMap((name) => {
      try {
        return [{ engine: name.split(".")[1] as EngineName, library: readFileSync(join(folder, name), "utf8") }];
      } catch {
        // reason: its thread closed the file between the two calls
        return [];
      }
    });
}

/** True where it can be seen that no descriptor of this process points at the file (Linux). */
function isSurelyClosed(key: string): boolean {
  let names: string[];
  try {
    names = readdirSync("/proc/self/fd");
  } catch {
    // reason: no /proc on this platform, so nothing can be seen
    return false;
  }
  return !names.some((name) => {
    try {
      return keyOf(`/proc/self/fd/${name}`) === key;
    } catch {
      // reason: the descriptor of readdir itself, closed by now
      return false;
    }
  });
}

function keyOf(path: string): string {
  const { dev, ino } = statSync(path, { bigint: true });
  return `${dev}-${ino}`;
}

function placeMarker(path: string, key: string, wanted: Holder): string | undefined {
  const folder = markerFolder();
  const own = `${key}.${wanted.engine}.${threadId}`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    sweepDead(dirname(folder));
    writeFileSync(join(folder, own), wanted.library);
  } catch {
    // reason: without a temp folder the check covers this thread only; a read-only host has one thread on a file as a rule
    return undefined;
  }
  const other = foreignHolders(folder, key, own).find((holder) => holder.engine !== wanted.engine || holder.library !== wanted.library);
  if (other === undefined || isSurelyClosed(key)) return join(folder, own);
  rmSync(join(folder, own), { force: true });
  throw conflict(path, other, wanted);
}

/** Removes what processes left that ended without closing. */
function sweepDead(root: string): void {
  for (const name of readdirSync(root)) {
    const pid = Number(name.split("-")[0]);
    if (pid === process.pid || isAlive(pid)) continue;
    rmSync(join(root, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Claims a file for one engine, in all threads and for all copies of this package. A file whose last handle is closed stays with its library
 * while descriptors of it are open (libSQL closes them at garbage collection): closing them later would drop the next library's locks.
 * @param owner tells whose shared handle it is. Errors: `engine_conflict`, `readonly`, `full`, `io`.
 */
export function claimFile(path: string, wanted: Holder, owner: symbol): FileClaim {
  const absolute = resolve(path);
  ensureFile(absolute);
  const real = realPathOf(absolute);
  const key = keyOf(real);
  const all = entries();
  let entry = all.get(key);
  if (entry !== undefined && (entry.engine !== wanted.engine || entry.library !== wanted.library)) {
    if (entry.references > 0 || !isSurelyClosed(key)) throw conflict(real, entry, wanted);
    all.delete(key);
    entry = undefined;
  }
  if (entry === undefined || entry.references === 0) {
    entry = { ...wanted, references: 0, marker: placeMarker(real, key, wanted), shared: new Map() };
    all.set(key, entry);
  }
  entry.references++;
  return createClaim({ path: real, key, entry, owner });
}

/** Whether this thread has a handle on the file, from any copy of this package. */
export function isOpenHere(path: string): boolean {
  const { dev, ino } = statSync(path, { bigint: true, throwIfNoEntry: false }) ?? {};
  return (entries().get(`${dev}-${ino}`)?.references ?? 0) > 0;
}

function createClaim({ path, key, entry, owner }: { path: string; key: string; entry: Entry; owner: symbol }): FileClaim {
  let isReleased = false;
  return {
    path,
    shared: entry.shared.get(owner),
    share: (handle) => entry.shared.set(owner, handle),
    isLast: () => entry.references === 1,
    release() {
      if (isReleased) return;
      isReleased = true;
      entry.references--;
      if (entry.references > 0) return;
      entry.shared.clear();
      if (!isSurelyClosed(key)) return;
      if (entry.marker !== undefined) rmSync(entry.marker, { force: true });
      if (entries().get(key) === entry) entries().delete(key);
    },
  };
}
