// Copies of a file that are whole at every moment: made by SQLite, put in place by one rename.
import { randomBytes } from "node:crypto";
import { closeSync, copyFileSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Driver } from "../engine/driver.ts";
import { storageError } from "../engine/errors.ts";
import { openLibsql } from "../engine/open-driver.ts";

/** Flushes a file or a folder: a rename is durable only when its folder is. */
export function syncPath(path: string): void {
  const isFolder = process.platform !== "win32";
  const fd = openSync(path, isFolder ? "r" : "r+");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Writes a consistent copy of an open database to `path`, mode 0600, synced. Must run outside a transaction. Errors: `backup_exists`, `full`, `io`, `readonly`. */
export function backupTo(driver: Driver, path: string): void {
  const target = resolve(path);
  const partial = `${target}.partial-${randomBytes(4).toString("hex")}`;
  if (existsSync(target)) throw backupExists(target);
  try {
    closeSync(openSync(partial, "wx", 0o600));
    driver.exec(`VACUUM INTO '${partial.replace(/'/g, "''")}'`);
    syncPath(partial);
    // A link, not a rename: it fails when somebody has made the target meanwhile.
    linkSync(partial, target);
    syncPath(dirname(target));
  } catch (error) {
    throw fileSystemError(error, target);
  } finally {
    rmSync(partial, { force: true });
  }
}

function backupExists(path: string): CuittyError {
  return new CuittyError("backup_exists", `${path} exists; pass a new path, a backup never replaces a file`, { details: { path } });
}

function fileSystemError(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "EEXIST") return backupExists(path);
  if (code === "ENOSPC" || code === "EDQUOT")
    return new CuittyError("full", `no space left for ${path}`, { retryable: true, cause: error });
  if (code === "EROFS" || code === "EACCES") {
    return new CuittyError("readonly", `${path} cannot be written (${code})`, { retryable: true, cause: error });
  }
  if (typeof code === "string" && code.startsWith("E") && (error as NodeJS.ErrnoException).syscall !== undefined) {
    return new CuittyError("io", `${path} cannot be written (${code})`, { retryable: true, cause: error });
  }
  return storageError(error, path);
}

/**
 * Puts a backup in the place of `path`, which must not be open anywhere. What stood there is kept as `<path>.replaced-<time>`.
 * Returns the path of the kept file, or undefined if there was none. Errors: `corrupt` for a damaged backup (nothing is touched), `full`, `io`, `readonly`.
 */
export function restoreFile(backup: string, path: string, nowMs: number = Date.now()): string | undefined {
  const target = resolve(path);
  const partial = `${target}.partial-${randomBytes(4).toString("hex")}`;
  const kept = `${target}.replaced-${new Date(nowMs).toISOString().replace(/[-:.]/g, "")}`;
  try {
    copyFileSync(resolve(backup), partial);
    assertWhole(partial, backup);
    syncPath(partial);
    const replaced = moveAside(target, kept);
    renameSync(partial, target);
    syncPath(dirname(target));
    return replaced;
  } catch (error) {
    throw fileSystemError(error, target);
  } finally {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(partial + suffix, { force: true });
  }
}

function assertWhole(copy: string, backup: string): void {
  const driver = openLibsql(copy);
  try {
    const findings = driver.prepare("PRAGMA integrity_check(1)").all();
    if (findings[0]?.[0] === "ok") return;
    throw new CuittyError("corrupt", `the backup ${backup} is damaged: ${String(findings[0]?.[0])}; use another one`, {
      details: { path: backup },
    });
  } finally {
    driver.close();
  }
}

/** The database moves before its WAL: a WAL that met another database would be written into it. */
function moveAside(target: string, kept: string): string | undefined {
  const existed = existsSync(target);
  if (existed) renameSync(target, kept);
  if (existsSync(`${target}-wal`)) renameSync(`${target}-wal`, `${kept}-wal`);
  rmSync(`${target}-shm`, { force: true });
  return existed ? kept : undefined;
}
