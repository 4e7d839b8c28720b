// Brings one file to the newest schema: forward only, under the writer lock, each migration whole or not at all.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Driver } from "../engine/driver.ts";
import { describeSql, splitStatements } from "../engine/sql-text.ts";
import type { Migration } from "../module-file/types.ts";
import { backupBefore } from "./backup.ts";
import { assertFileKind, type FileKind, pragmaNumber, prepareLedger, readLedger, recordMigration } from "./ledger.ts";

export interface ApplyMigrationsOptions {
  /** Kind of file, or an `application_id` of one's own. */
  readonly kind: FileKind | number;
  readonly migrations: readonly Migration[];
  /** Copy the file with VACUUM INTO before a migration that rebuilds a table. @default true */
  readonly backup?: boolean | undefined;
  /** @default Date.now */
  readonly now?: (() => number) | undefined;
}

export interface ApplyMigrationsResult {
  /** Versions applied by this call, in order. */
  readonly applied: readonly number[];
  readonly version: number;
  /** Paths of the copies made before rebuilds. */
  readonly backups: readonly string[];
}

/**
 * Applies what is missing. A file that is up to date costs one read and takes no lock; two processes that meet take turns.
 * Errors: `file_kind_mismatch`, `file_newer`, `migration_changed`, `migration_failed` (cause kept; the file stays at the migration before), `busy`.
 */
export function applyMigrations(driver: Driver, options: ApplyMigrationsOptions): ApplyMigrationsResult {
  const { kind, migrations, backup = true, now = Date.now } = options;
  checkSequence(migrations);
  if (driver.inTransaction) {
    throw new CuittyError("migration_failed", "Expected no open transaction, got one. Migrate before the first transaction begins.");
  }
  assertFileKind(driver, kind);
  const applied: number[] = [];
  const backups: string[] = [];
  let version = readLedger(driver, migrations);
  const isNew = version === 0;
  for (const migration of migrations.slice(version)) checkStatements(titleOf(migration), migration.statements);
  while (version < migrations.length) {
    const next = migrations[version]!;
    if (isRebuild(next) && backup && !isNew) backups.push(backupBefore(driver, next.version, now()));
    const outcome = applyOne(driver, next, { kind, migrations, nowMs: now() });
    if (outcome === next.version) applied.push(outcome);
    version = readLedger(driver, migrations);
  }
  return { applied, version, backups };
}

/** A migration as messages show it. */
export const titleOf = ({ version, name }: Migration): string => `${version} (${name})`;

interface Step {
  readonly kind: FileKind | number;
  readonly migrations: readonly Migration[];
  readonly nowMs: number;
}

/** Returns the version it applied, or undefined when another process was first. */
function applyOne(driver: Driver, migration: Migration, step: Step): number | undefined {
  const enforced = pragmaNumber(driver, "foreign_keys") === 1;
  // Inside a transaction this pragma is a no-op, and DROP TABLE would then delete the rows that reference the table.
  const rebuilds = isRebuild(migration);
  if (rebuilds && enforced) driver.exec("PRAGMA foreign_keys = OFF");
  try {
    return driver.transaction(() => {
      assertFileKind(driver, step.kind);
      if (readLedger(driver, step.migrations) !== migration.version - 1) return undefined;
      if (rebuilds) assertUnenforced(driver, migration);
      prepareLedger(driver, step.kind);
      for (const statement of migration.statements) driver.exec(statement);
      if (rebuilds) checkForeignKeys(driver, migration);
      recordMigration(driver, migration, step.nowMs);
      return migration.version;
    });
  } catch (error) {
    throw asMigrationError(driver.path, migration, error);
  } finally {
    if (rebuilds && enforced) driver.exec("PRAGMA foreign_keys = ON");
  }
}

/** Refuses a list that is none or has gaps. Errors: `migration_failed`. */
export function checkSequence(migrations: readonly Migration[]): void {
  if (!Array.isArray(migrations)) throw malformed(`a list of migrations, got ${typeof migrations}`);
  for (const [index, migration] of (migrations as readonly Partial<Migration>[]).entries()) {
    const { version, name, statements } = migration ?? {};
    if (version !== index + 1)
      throw malformed(`migration ${index + 1} at position ${index}, got ${version}. Number them 1, 2, 3 … without gaps`);
    if (typeof name !== "string") throw malformed(`a name of migration ${version}, got ${typeof name}`);
    const isList = Array.isArray(statements) && statements.every((statement) => typeof statement === "string");
    if (!isList) throw malformed(`a list of SQL texts as statements of migration ${version} (${name}), got something else`);
  }
}

const malformed = (rest: string): CuittyError => new CuittyError("migration_failed", `Expected ${rest}.`);

/** Refuses statements that would end the transaction which makes a migration whole. Errors: `migration_failed`. */
export function checkStatements(name: string, statements: readonly string[]): void {
  const moving = statements.flatMap(splitStatements).find((statement) => describeSql(statement).kind === "control");
  if (moving === undefined) return;
  const text = `Expected statements that may stand inside a transaction, got ${describeSql(moving).verb} in migration ${name}: a migration begins and commits by itself. Take it out; nothing was changed.`;
  throw new CuittyError("migration_failed", text);
}

/** A migration that drops a table is treated as a rebuild whether it says so or not: rows that reference the table must not go with it unasked. */
function isRebuild({ rebuild, statements }: Migration): boolean {
  return rebuild === true || statements.some((statement) => /\bdrop\s+table\b/i.test(statement));
}

/** A connection that was opened anew in between enforces again; dropping a table on it would delete rows. */
function assertUnenforced(driver: Driver, migration: Migration): void {
  if (pragmaNumber(driver, "foreign_keys") === 0) return;
  throw new CuittyError(
    "migration_failed",
    `Expected foreign keys off for migration ${migration.version} (${migration.name}), got them on. Run it again.`,
    {
      retryable: true,
    },
  );
}

function checkForeignKeys(driver: Driver, migration: Migration): void {
  const broken = driver.prepare("PRAGMA foreign_key_check").all();
  if (broken.length === 0) return;
  const tables = [...new Set(broken.map((row) => String(row[0])))];
  throw new CuittyError(
    "migration_failed",
    `Expected every reference to hold after migration ${migration.version} (${migration.name}), got ${broken.length} broken in: ${tables.join(", ")}. Nothing was changed.`,
    { details: { path: driver.path, version: migration.version, tables } },
  );
}

/** Errors of a migration that was rolled back. Lock, disk and kind errors keep their code; all else becomes `migration_failed`. */
export function asMigrationError(path: string, migration: Migration, error: unknown): unknown {
  const own = [
    "busy",
    "full",
    "readonly",
    "io",
    "corrupt",
    "closed",
    "file_kind_mismatch",
    "file_newer",
    "migration_changed",
    "migration_failed",
  ];
  if (isCuittyError(error) && own.includes(error.code)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new CuittyError(
    "migration_failed",
    `Migration ${migration.version} (${migration.name}) of ${path} failed and was rolled back: ${reason}`,
    {
      cause: error,
      details: { path, version: migration.version, name: migration.name },
    },
  );
}
