// Copies of a file that are whole at every moment: made by SQLite, put in place by one link.
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Driver } from "../engine/driver.ts";
import { storageError } from "../engine/errors.ts";

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

/** What the file system or SQLite said about writing `path`, as an error of this package. */
export function fileSystemError(error: unknown, path: string): unknown {
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
