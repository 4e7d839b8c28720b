// Looks at an open file as a careful operator would: whole or not, how large, which engine, and what that engine is known for.
import { statSync } from "node:fs";
import type { Driver } from "../engine/driver.ts";
import type { DoctorReport } from "./types.ts";
import { unreadableTexts } from "./unreadable-texts.ts";

const levels = ["OFF", "NORMAL", "FULL", "EXTRA"];

/** Size of a file by name, without opening it: closing a descriptor would drop SQLite's locks. 0 when it does not exist. */
export function fileBytes(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function versionBelow(version: string, than: readonly [number, number, number]): boolean {
  const parts = version.split(".").map(Number);
  for (const [index, limit] of than.entries()) {
    const part = parts[index] ?? 0;
    if (part !== limit) return part < limit;
  }
  return false;
}

function notesOf(driver: Driver): string[] {
  const notes: string[] = [];
  if (versionBelow(driver.sqliteVersion, [3, 51, 3])) {
    notes.push(
      `SQLite ${driver.sqliteVersion} is older than 3.51.3 (WAL-reset bug): only one process may write to or checkpoint this file`,
    );
  }
  return notes;
}

/** Reads the whole file for its integrity check. Errors: those of Driver; damage is reported, not thrown. */
export function examine(driver: Driver): DoctorReport {
  const pragma = (name: string) => driver.prepare(`PRAGMA ${name}`).get()?.[0] ?? 0;
  const findings = [
    ...driver
      .prepare("PRAGMA integrity_check(20)")
      .all()
      .map((row) => String(row[0])),
    ...brokenReferences(driver),
    ...unreadableTexts(driver),
  ];
  return {
    path: driver.path,
    engine: driver.engine,
    sqliteVersion: driver.sqliteVersion,
    journalMode: String(pragma("journal_mode")),
    synchronous: levels[Number(pragma("synchronous"))] ?? "unknown",
    foreignKeys: pragma("foreign_keys") === 1,
    applicationId: Number(pragma("application_id")),
    userVersion: Number(pragma("user_version")),
    sizeBytes: fileBytes(driver.path),
    walBytes: fileBytes(`${driver.path}-wal`),
    freeBytes: Number(pragma("freelist_count")) * Number(pragma("page_size")),
    problems: findings.filter((finding) => finding !== "ok"),
    notes: notesOf(driver),
  };
}

function brokenReferences(driver: Driver): string[] {
  return driver
    .prepare("PRAGMA foreign_key_check")
    .all()
    .slice(0, 20)
    .map(([table, row, parent]) => `row ${String(row)} of ${String(table)} references a missing row of ${String(parent)}`);
}
