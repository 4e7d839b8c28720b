// Puts a backup in the place of a file: nothing is touched before the copy is known to be whole and of the same kind.
import { randomBytes } from "node:crypto";
import { chmodSync, closeSync, copyFileSync, existsSync, openSync, readSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { openLibsql } from "../engine/open-driver.ts";
import { isOpenHere } from "../engine/registry.ts";
import { nameOfKind } from "../migrate/ledger.ts";
import { fileSystemError, syncPath } from "./backup.ts";
import { fileBytes } from "./doctor.ts";

/**
 * Puts a backup in the place of `path`, which must not be open anywhere. What stood there is kept as `<path>.replaced-<time>`; a log beside the
 * backup (`<backup>-wal`) is part of it. Returns the path of the kept file, or undefined if there was none. On an error nothing is touched.
 * Errors: `corrupt` for a damaged backup, `file_kind_mismatch` for one of another kind than the file at `path`, `busy` when this thread has one
 * of the two open, `full`, `io` (also for a backup that is not there), `readonly`.
 */
export function restoreFile(backup: string, path: string, nowMs: number = Date.now()): string | undefined {
  const prepared = prepareRestore(backup, path, nowMs);
  try {
    return prepared.swap();
  } finally {
    prepared.discard();
  }
}

/** A backup that is known to be whole and of the right kind, copied beside the file whose place it is to take. */
export interface PreparedRestore {
  /** Puts it there. Returns the path of what stood there, kept aside; undefined if nothing did. */
  swap(): string | undefined;
  /** Removes the copy where it was not put into its place. */
  discard(): void;
}

/** The first half of `restoreFile`, for several files that are to be restored together or not at all. Errors: as there. */
export function prepareRestore(backup: string, path: string, nowMs: number = Date.now()): PreparedRestore {
  const source = resolve(backup);
  const target = resolve(path);
  if (!statSync(source, { throwIfNoEntry: false })?.isFile()) {
    throw new CuittyError("io", `there is no backup ${source}; pass the path of a file that backup() wrote`, { details: { path: source } });
  }
  for (const each of [source, target]) if (isOpenHere(each)) throw openError(each);
  const partial = `${target}.partial-${randomBytes(4).toString("hex")}`;
  const kept = `${target}.replaced-${new Date(nowMs).toISOString().replace(/[-:.]/g, "")}`;
  const discard = () => {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(partial + suffix, { force: true });
  };
  const typed = <T>(body: () => T): T => {
    try {
      return body();
    } catch (error) {
      discard();
      throw fileSystemError(error, target);
    }
  };
  typed(() => {
    copyWhole(source, partial);
    assertKind(partial, { source, target });
    syncPath(partial);
  });
  return {
    discard,
    swap: () =>
      typed(() => {
        const replaced = moveAside(target, kept);
        renameSync(partial, target);
        syncPath(dirname(target));
        return replaced;
      }),
  };
}

function openError(path: string): CuittyError {
  const text = `${path} is open in this process; close it before a backup is restored`;
  return new CuittyError("busy", text, { retryable: true, details: { path } });
}

/** For its owner alone, whatever the modes of the backup have become: it may come out of an archive, or from where nothing is writable. */
function copyPrivately(source: string, copy: string): void {
  copyFileSync(source, copy);
  chmodSync(copy, 0o600);
}

/** Copies the backup with what its log holds, and checks every page of it. */
function copyWhole(source: string, copy: string): void {
  copyPrivately(source, copy);
  const hasLog = fileBytes(`${source}-wal`) > 0;
  if (hasLog) copyPrivately(`${source}-wal`, `${copy}-wal`);
  // What a log has not brought into its file yet may be missing there.
  else assertLength(copy, source);
  try {
    checkIntegrity(copy, source);
  } catch (error) {
    throw isCuittyError(error, "corrupt") && error.details?.path !== source ? damaged(source, error.message) : error;
  }
  if (fileBytes(`${copy}-wal`) > 0) throw damaged(source, "its log cannot be brought into it");
  if (hasLog) assertLength(copy, source);
}

const damaged = (source: string, finding: string): CuittyError =>
  new CuittyError("corrupt", `the backup ${source} is damaged: ${finding}; use another one`, { details: { path: source } });

function checkIntegrity(copy: string, source: string): void {
  const driver = openLibsql(copy);
  try {
    const finding = String(driver.prepare("PRAGMA integrity_check(1)").get()?.[0]);
    if (finding !== "ok") throw damaged(source, finding);
  } finally {
    driver.close();
  }
}

/** SQLite takes an empty file for a new database, and one that ends within its last page for a whole one. Source: SQLite's file format, "The Database Header". */
function assertLength(copy: string, source: string): void {
  const header = readHeader(copy);
  if (header === undefined) throw damaged(source, "it is no SQLite database");
  const written = header.readUInt16BE(16);
  const pageBytes = written === 1 ? 65_536 : written;
  const bytes = fileBytes(copy);
  // The count of pages is only up to date when both counters of changes agree.
  const pages = header.readUInt32BE(24) === header.readUInt32BE(92) ? header.readUInt32BE(28) : 0;
  if (bytes % pageBytes === 0 && bytes >= pages * pageBytes) return;
  throw damaged(source, `it has ${bytes} bytes of ${Math.max(pages, Math.ceil(bytes / pageBytes)) * pageBytes}`);
}

/** The first 100 bytes of a database; undefined for what is none. Only for files that this process has not open: closing a descriptor drops SQLite's locks. */
function readHeader(path: string): Buffer | undefined {
  const header = Buffer.alloc(100);
  const fd = openSync(path, "r");
  try {
    const isWhole = readSync(fd, header, 0, 100, 0) === 100;
    return isWhole && header.toString("latin1", 0, 16) === "SQLite format 3\0" ? header : undefined;
  } finally {
    closeSync(fd);
  }
}

/** A file without a mark, or one that is damaged itself, takes any backup. */
function assertKind(copy: string, { source, target }: { source: string; target: string }): void {
  if (!existsSync(target)) return;
  const expected = readHeader(target)?.readInt32BE(68) ?? 0;
  const found = readHeader(copy)?.readInt32BE(68) ?? 0;
  if (expected === 0 || expected === found) return;
  const text = `expected a backup of a ${nameOfKind(expected)} file for ${target}, got one of a ${nameOfKind(found)} file: ${source}; nothing was touched`;
  throw new CuittyError("file_kind_mismatch", text, {
    details: { path: source, expected: nameOfKind(expected), found: nameOfKind(found) },
  });
}

/** The database moves before its WAL: a WAL that met another database would be written into it. */
function moveAside(target: string, kept: string): string | undefined {
  const existed = existsSync(target);
  if (existed) renameSync(target, kept);
  if (existsSync(`${target}-wal`)) renameSync(`${target}-wal`, `${kept}-wal`);
  rmSync(`${target}-shm`, { force: true });
  return existed ? kept : undefined;
}
