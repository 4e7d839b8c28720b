// What a file says about itself: its kind (application_id), and the migrations it has seen.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Driver } from "../engine/driver.ts";
import type { Migration } from "../module-file/types.ts";
import { migrationChecksum } from "./checksum.ts";

/** `application_id` of each kind of file: "CU" and two letters. A file of one kind is never opened as another. */
export const APPLICATION_IDS = {
  system: 0x43555359,
  tenant: 0x43555445,
  module: 0x43554d4f,
} as const;

/** What a file is, as its `application_id` says. */
export type FileKind = keyof typeof APPLICATION_IDS;

/** Name of the ledger table. */
export const LEDGER_TABLE = "_cuitty_migrations";

const LEDGER_DDL = `CREATE TABLE IF NOT EXISTS ${LEDGER_TABLE} (
  version INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  checksum TEXT NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT`;

/** Throws `file_kind_mismatch` when the file is marked as another kind; a file without a mark passes. */
export function assertFileKind(driver: Driver, kind: FileKind | number): void {
  const expected = applicationIdOf(kind);
  const found = pragmaNumber(driver, "application_id");
  if (found === 0 || found === expected) return;
  throw new CuittyError(
    "file_kind_mismatch",
    `Expected a ${nameOfKind(expected)} file, got a ${nameOfKind(found)} file: ${driver.path}. Check the path, or open it with the factory of its own kind.`,
    { details: { path: driver.path, expected: nameOfKind(expected), found: nameOfKind(found) } },
  );
}

/** Highest migration this file has seen; 0 when new. Errors: `migration_changed`, `file_newer`, `migration_failed` for a ledger with gaps. */
export function readLedger(driver: Driver, migrations: readonly Migration[]): number {
  if (driver.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get([LEDGER_TABLE]) === undefined) return 0;
  // As expressions, whose text is read whatever bytes are in it: a stored text that is damaged would end the process on the libSQL engine.
  const rows = driver.prepare(`SELECT version, name || '', checksum || '' FROM ${LEDGER_TABLE} ORDER BY version`).all();
  for (const [index, row] of rows.entries())
    checkRow(driver, row as [number, string, string], { migration: migrations[index], position: index + 1 });
  return rows.length;
}

function checkRow(driver: Driver, row: [number, string, string], expected: { migration: Migration | undefined; position: number }): void {
  const [version, name, checksum] = row;
  const { migration, position } = expected;
  const details = { path: driver.path, version, name };
  if (migration === undefined) {
    const text = `${driver.path} was written by a newer version of this software: it has migration ${version} (${name}), this version knows ${position - 1}. Update the software; the file was not touched.`;
    throw new CuittyError("file_newer", text, { details: { ...details, known: position - 1 } });
  }
  if (version !== position) {
    throw new CuittyError(
      "migration_failed",
      `Expected migration ${position} in the ledger of ${driver.path}, got ${version}: the ledger has a gap. Restore a backup.`,
      { details },
    );
  }
  if (checksum !== migrationChecksum(migration)) {
    const text = `Migration ${version} (${migration.name}) was applied to ${driver.path} with another content than it has now. Put its released text back and add a new migration instead.`;
    throw new CuittyError("migration_changed", text, { details });
  }
}

/** Creates the ledger table if it is not there and marks the file's kind; call it inside the transaction. */
export function prepareLedger(driver: Driver, kind: FileKind | number): void {
  driver.exec(LEDGER_DDL);
  driver.exec(`PRAGMA application_id = ${applicationIdOf(kind)}`);
}

/** Records one applied migration, and the new version in `user_version`; call it inside the transaction. */
export function recordMigration(driver: Driver, migration: Migration, nowMs: number): void {
  const insert = `INSERT INTO ${LEDGER_TABLE} (version, name, checksum, applied_at) VALUES (?, ?, ?, ?)`;
  driver.prepare(insert).run([migration.version, migration.name, migrationChecksum(migration), Math.floor(nowMs / 1000)]);
  driver.exec(`PRAGMA user_version = ${migration.version}`);
}

/** The number a pragma answers with. */
export function pragmaNumber(driver: Driver, name: "application_id" | "user_version" | "foreign_keys"): number {
  return Number(driver.prepare(`PRAGMA ${name}`).get()?.[0] ?? 0);
}

function applicationIdOf(kind: FileKind | number): number {
  return typeof kind === "number" ? kind : APPLICATION_IDS[kind];
}

/** A kind as messages show it. */
export function nameOfKind(id: number): string {
  const known = Object.entries(APPLICATION_IDS).find(([, value]) => value === id);
  return known?.[0] ?? `0x${id.toString(16)}`;
}
