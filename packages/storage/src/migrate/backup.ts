// A safe copy of an open file, made by SQLite itself: nothing else may read its bytes while it is open.
import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Driver } from "../engine/driver.ts";

/**
 * Writes a consistent copy beside the file, `NAME.before-vN-TIME-RANDOM.db`, readable by its owner only, and syncs it. Returns its path.
 * Must run outside a transaction. Errors: those of the driver (`full`, `io`, `readonly`).
 */
export function backupBefore(driver: Driver, version: number, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().replace(/[-:]/g, "").replace(/\..*$/, "Z");
  const name = `${basename(driver.path).replace(/\.db$/, "")}.before-v${version}-${stamp}-${randomBytes(3).toString("hex")}.db`;
  const path = join(dirname(driver.path), name);
  vacuumInto(driver, path);
  return path;
}

/** VACUUM INTO an empty file that only its owner can read, then sync: SQLite itself does not sync the copy. */
function vacuumInto(driver: Driver, path: string): void {
  closeSync(openSync(path, "wx", 0o600));
  driver.exec(`VACUUM INTO '${path.replace(/'/g, "''")}'`);
  const fd = openSync(path, "r+");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
