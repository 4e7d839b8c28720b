// Keeps the tenant files that are in use open, a bounded number of them, and closes what has been idle.
import { mkdirSync, realpathSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { ClientSource } from "./adapter/source.ts";
import { createTenantDatabase, type TenantDatabase } from "./client.ts";

export interface TenantPoolOptions {
  /** Folder of the files, made with mode 0700 if it is not there; each is `tenant-<orgId>.db`. */
  readonly folder: string;
  /** Files open at a time. @default 64 */
  readonly maxOpen?: number;
  /** A file that nobody has used for so long is closed; `Infinity` keeps it open. Units: ms. @default 300_000 */
  readonly idleMs?: number;
  /** How long `use` waits when every open file is in use. Units: ms. @default 5_000 */
  readonly waitMs?: number;
  /** Opens a path. @default `open` with its defaults */
  readonly open?: (path: string) => ClientSource;
  /** Units: ms. @default Date.now */
  readonly now?: () => number;
}

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
  /** Refuses new work, waits for what runs, closes everything. Idempotent. */
  close(): Promise<void>;
}

interface Entry {
  readonly db: TenantDatabase;
  users: number;
  usedAtMs: number;
}

const safeName = /^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/;

/** A pool of tenant files. Its timer does not keep the process alive. */
export function createTenantPool(options: TenantPoolOptions): TenantPool {
  const { maxOpen = 64, idleMs = 300_000, waitMs = 5_000, now = Date.now } = options;
  const open = options.open ?? ((path: string) => path);
  const folder = resolve(options.folder);
  // Insertion order is order of use: the first is the one unused for longest.
  const entries = new Map<string, Entry>();
  const waiting: (() => void)[] = [];
  let isClosed = false;
  const timer = Number.isFinite(idleMs) ? setInterval(closeIdle, Math.max(1_000, idleMs / 4)) : undefined;
  timer?.unref();

  function pathOf(orgId: string): string {
    if (typeof orgId === "string" && safeName.test(orgId)) return join(folder, `tenant-${orgId}.db`);
    throw new CuittyError(
      "invalid_tenant_name",
      "Expected an organization id of 1 to 128 letters, digits, - and _, beginning with a letter or digit, got something else. It names a file.",
    );
  }

  function openFile(path: string): TenantDatabase {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const db = createTenantDatabase(open(path));
    // Where names differ only in case, two organizations would share one file.
    if (basename(realpathSync.native(path)) === basename(path)) return db;
    db.$client.close();
    throw new CuittyError(
      "invalid_tenant_name",
      "Expected a file of this very name, got one that differs in case: another organization's on this file system. Use ids that differ in more than case.",
    );
  }

  function closeEntry(path: string, entry: Entry): void {
    entries.delete(path);
    entry.db.$client.close();
  }

  /** True when there is room for one more, made by closing the file unused for longest if need be. */
  function makeRoom(): boolean {
    if (entries.size < maxOpen) return true;
    for (const [path, entry] of entries) {
      if (entry.users > 0) continue;
      closeEntry(path, entry);
      return true;
    }
    return false;
  }

  async function acquire(path: string): Promise<Entry> {
    const deadline = now() + waitMs;
    while (!entries.has(path) && !makeRoom()) await waitForRelease(deadline - now());
    if (isClosed) throw closed();
    const entry = entries.get(path) ?? { db: openFile(path), users: 0, usedAtMs: now() };
    entry.users++;
    entries.delete(path);
    entries.set(path, entry);
    return entry;
  }

  function waitForRelease(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = setTimeout(
        () => {
          waiting.splice(waiting.indexOf(wake), 1);
          reject(
            new CuittyError(
              "pool_exhausted",
              `Expected one of ${maxOpen} open tenant files to become free within ${waitMs} ms, got none. Raise maxOpen, or hold databases for a shorter time.`,
              { retryable: true },
            ),
          );
        },
        Math.max(0, timeoutMs),
      );
      const wake = () => {
        clearTimeout(giveUp);
        resolve();
      };
      waiting.push(wake);
    });
  }

  function release(entry: Entry): void {
    entry.users--;
    entry.usedAtMs = now();
    if (entry.users === 0) for (const wake of waiting.splice(0)) wake();
  }

  function closeIdle(): number {
    const idle = [...entries].filter(([, entry]) => entry.users === 0 && now() - entry.usedAtMs >= idleMs);
    for (const [path, entry] of idle) closeEntry(path, entry);
    return idle.length;
  }

  return {
    pathOf,
    closeIdle,
    get openCount() {
      return entries.size;
    },
    async use(orgId, body) {
      if (isClosed) throw closed();
      const entry = await acquire(pathOf(orgId));
      try {
        return await body(entry.db);
      } finally {
        release(entry);
      }
    },
    async close() {
      isClosed = true;
      clearInterval(timer);
      while ([...entries.values()].some((entry) => entry.users > 0)) await new Promise<void>((wake) => waiting.push(wake));
      for (const [path, entry] of [...entries]) closeEntry(path, entry);
    },
  };
}

function closed(): CuittyError {
  return new CuittyError("closed", "Expected an open pool of tenant files, got a closed one. Make a new one.");
}
