// Keeps the tenant files that are in use open, a bounded number of them, and closes what has been idle.
import { realpathSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { makeFolder } from "../engine/file-path.ts";
import type { ClientSource } from "./adapter/source.ts";
import { createTenantDatabase, type TenantDatabase } from "./client.ts";

export interface TenantPoolOptions {
  /** Folder of the files, made with mode 0700 if it is not there; each is `tenant-<orgId>.db`. */
  readonly folder: string;
  /** Files open at a time. @default 64 */
  readonly maxOpen?: number | undefined;
  /** A file that nobody has used for so long is closed; `Infinity` keeps it open. Units: ms. @default 300_000 */
  readonly idleMs?: number | undefined;
  /** How long `use` waits when every open file is in use, and `close` for what runs; `Infinity` waits for ever. Units: ms. @default 5_000 */
  readonly waitMs?: number | undefined;
  /** Opens a path. @default `open` with its defaults */
  readonly open?: ((path: string) => ClientSource) | undefined;
  /** Units: ms since any moment. @default performance.now, which goes on where the system's time is set */
  readonly now?: (() => number) | undefined;
}

/** Open files of tenants, kept open while they are used. */
export interface TenantPool {
  /**
   * Runs `body` with the organization's database, opened and migrated if need be; it stays open until `body` has settled.
   * Do not keep the database beyond that.
   * Errors: `invalid_tenant_name`, `pool_exhausted` (retryable), `closed`, those of `createTenantDatabase`.
   */
  use<T>(orgId: string, body: (db: TenantDatabase) => T | Promise<T>): Promise<T>;
  /** Absolute path of an organization's file, there or not. Errors: `invalid_tenant_name`. */
  pathOf(orgId: string): string;
  readonly openCount: number;
  /** Closes files that are idle by now. Runs by itself, too. Returns how many. */
  closeIdle(): number;
  /**
   * Refuses new work, waits for what runs, closes everything. Idempotent.
   * Errors: `pool_in_use` (retryable) after `waitMs`, as for a body that awaits it and so itself; what still runs is closed as it ends.
   */
  close(): Promise<void>;
}

interface Entry {
  readonly db: TenantDatabase;
  users: number;
  usedAtMs: number;
}

const safeName = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

/** A timer takes no more; a longer one would run at once. Units: ms. */
const longestTimerMs = 2 ** 31 - 1;

/** What TypeScript does not see. Errors: `invalid_option`. */
function checkOptions(folder: unknown, { maxOpen, ...times }: { maxOpen: unknown; idleMs: unknown; waitMs: unknown }): void {
  if (typeof folder !== "string" || folder === "" || folder.includes("\0"))
    throw new CuittyError(
      "invalid_option",
      `folder: expected the path of a folder, got ${folder === "" ? "an empty text" : typeof folder}`,
    );
  if (!(typeof maxOpen === "number" && maxOpen >= 1))
    throw new CuittyError("invalid_option", `maxOpen: expected a number from 1, got ${String(maxOpen)}`);
  for (const [name, value] of Object.entries(times)) {
    if (typeof value === "number" && value >= 0) continue;
    throw new CuittyError("invalid_option", `${name}: expected a number of ms from 0, got ${String(value)}`);
  }
}

/** A pool of tenant files. Its timer does not keep the process alive. Errors: `invalid_option`. */
export function createTenantPool(options: TenantPoolOptions): TenantPool {
  const { maxOpen = 64, idleMs = 300_000, waitMs = 5_000, now = () => performance.now(), open = (path) => path } = options;
  checkOptions(options.folder, { maxOpen, idleMs, waitMs });
  const folder = resolve(options.folder);
  const files = createOpenFiles({ maxOpen, now, openFile: (path) => openTenant(folder, path, open) });
  const queue = createQueue();
  let isClosed = false;
  const closeIdle = () => files.closeUnused((entry) => now() - entry.usedAtMs >= idleMs);
  const timer = Number.isFinite(idleMs) ? setInterval(closeIdle, Math.min(Math.max(1_000, idleMs / 4), longestTimerMs)) : undefined;
  timer?.unref();

  function pathOf(orgId: string): string {
    if (typeof orgId === "string" && safeName.test(orgId)) return join(folder, `tenant-${orgId}.db`);
    throw new CuittyError(
      "invalid_tenant_name",
      "Expected an organization id of 1 to 128 letters, digits, - and _, beginning with a letter or digit, got something else. It names a file.",
    );
  }

  async function acquire(path: string): Promise<Entry> {
    const deadlineMs = now() + waitMs;
    for (;;) {
      if (isClosed) throw closed();
      const entry = files.acquire(path);
      if (entry !== undefined) return entry;
      if (!(await queue.wait(deadlineMs - now()))) throw exhausted(maxOpen, waitMs);
    }
  }

  return {
    pathOf,
    closeIdle,
    get openCount() {
      return files.size;
    },
    async use(orgId, body) {
      const entry = await acquire(pathOf(orgId));
      try {
        return await body(entry.db);
      } finally {
        const isFree = files.release(entry);
        if (isFree && isClosed) files.closeUnused(() => true);
        if (isFree) queue.wakeAll();
      }
    },
    async close() {
      isClosed = true;
      clearInterval(timer);
      const deadlineMs = now() + waitMs;
      while (files.isInUse) {
        if (!(await queue.wait(deadlineMs - now()))) throw stillInUse(waitMs);
      }
      files.closeUnused(() => true);
    },
  };
}

interface OpenFilesOptions {
  readonly maxOpen: number;
  readonly now: () => number;
  readonly openFile: (path: string) => TenantDatabase;
}

/** The open files in order of use: the first is the one unused for longest. */
function createOpenFiles({ maxOpen, now, openFile }: OpenFilesOptions) {
  const entries = new Map<string, Entry>();

  function closeUnused(isWanted: (entry: Entry) => boolean, most = Number.POSITIVE_INFINITY): number {
    const chosen = [...entries].filter(([, entry]) => entry.users === 0 && isWanted(entry)).slice(0, most);
    for (const [path, entry] of chosen) {
      entries.delete(path);
      entry.db.$client.close();
    }
    return chosen.length;
  }

  return {
    closeUnused,
    get size() {
      return entries.size;
    },
    get isInUse() {
      return [...entries.values()].some((entry) => entry.users > 0);
    },
    /** Undefined when the limit is reached and every open file is in use. */
    acquire(path: string): Entry | undefined {
      let entry = entries.get(path);
      if (entry === undefined) {
        if (entries.size >= maxOpen && closeUnused(() => true, 1) === 0) return undefined;
        entry = { db: openFile(path), users: 0, usedAtMs: now() };
      }
      entry.users++;
      entries.delete(path);
      entries.set(path, entry);
      return entry;
    },
    /** True when nobody uses the file any more. */
    release(entry: Entry): boolean {
      entry.users--;
      entry.usedAtMs = now();
      return entry.users === 0;
    },
  };
}

/** Callers that wait for a file to become free. */
function createQueue() {
  const wakers = new Set<(isWoken: boolean) => void>();
  return {
    wakeAll() {
      for (const wake of [...wakers]) wake(true);
    },
    /** False when nothing has become free in time. */
    wait(timeoutMs: number): Promise<boolean> {
      return new Promise((resolve) => {
        const timer = Number.isFinite(timeoutMs)
          ? setTimeout(() => wake(false), Math.min(Math.max(0, timeoutMs), longestTimerMs))
          : undefined;
        const wake = (isWoken: boolean) => {
          clearTimeout(timer);
          wakers.delete(wake);
          resolve(isWoken);
        };
        wakers.add(wake);
      });
    },
  };
}

function openTenant(folder: string, path: string, open: (path: string) => ClientSource): TenantDatabase {
  makeFolder(folder);
  const db = createTenantDatabase(open(path));
  // Where names differ only in case, two organizations would share one file.
  if (basename(realpathSync.native(path)) === basename(path)) return db;
  db.$client.close();
  throw new CuittyError(
    "invalid_tenant_name",
    "Expected a file of this very name, got one that differs in case: another organization's on this file system. Use ids that differ in more than case.",
  );
}

function exhausted(maxOpen: number, waitMs: number): CuittyError {
  return new CuittyError(
    "pool_exhausted",
    `Expected one of ${maxOpen} open tenant files to become free within ${waitMs} ms, got none. Raise maxOpen, or hold databases for a shorter time.`,
    { retryable: true },
  );
}

function stillInUse(waitMs: number): CuittyError {
  return new CuittyError(
    "pool_in_use",
    `Expected every body of \`use\` to end within ${waitMs} ms, got one that still runs. Await close outside of them; their files are closed as they end.`,
    { retryable: true },
  );
}

function closed(): CuittyError {
  return new CuittyError("closed", "Expected an open pool of tenant files, got a closed one. Make a new one.");
}
