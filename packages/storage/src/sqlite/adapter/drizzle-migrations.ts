// Applies the migration folder that drizzle-kit writes, with Drizzle's own ledger, under the writer lock.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { MigrationMeta } from "drizzle-orm/migrator";
import type { Driver } from "../../engine/driver.ts";
import { checkStatements } from "../../migrate/migrate.ts";

const defaultTable = "__drizzle_migrations";

/**
 * Runs what is missing in one transaction. Foreign keys are off around it: drizzle-kit rebuilds tables by dropping them and
 * switches foreign keys off inside the transaction, where SQLite ignores it, so that the drop would delete every child row.
 * References are checked before the commit instead.
 * Errors: `migration_failed` when a reference is broken or a statement moves the transaction; the driver's own otherwise. Nothing is changed then.
 */
export function runDrizzleMigrations(driver: Driver, migrations: readonly MigrationMeta[], table: string = defaultTable): void {
  const ledger = `"${table.replace(/"/g, '""')}"`;
  const enforced = driver.prepare("PRAGMA foreign_keys").get()?.[0] === 1;
  if (enforced) driver.exec("PRAGMA foreign_keys = OFF");
  try {
    driver.transaction(() => {
      if (driver.prepare("PRAGMA foreign_keys").get()?.[0] === 1)
        throw new CuittyError("migration_failed", "Expected foreign keys off, got them on. Run the migrations again.", { retryable: true });
      // Drizzle's own columns, so that files and drivers can be exchanged; its `SERIAL` is no SQLite type and leaves every id null.
      driver.exec(`CREATE TABLE IF NOT EXISTS ${ledger} (id INTEGER PRIMARY KEY, hash text NOT NULL, created_at numeric)`);
      const newest = driver.prepare(`SELECT created_at FROM ${ledger} ORDER BY created_at DESC LIMIT 1`).get();
      const insert = `INSERT INTO ${ledger} ("hash", "created_at") VALUES (?, ?)`;
      const missing = migrations.filter((migration) => newest === undefined || Number(newest[0]) < migration.folderMillis);
      for (const migration of missing) checkStatements(migration.hash.slice(0, 8), migration.sql);
      for (const migration of missing) {
        for (const statement of migration.sql) driver.exec(statement);
        driver.prepare(insert).run([migration.hash, migration.folderMillis]);
      }
      if (missing.length > 0 && enforced) checkReferences(driver);
    });
  } finally {
    if (enforced) driver.exec("PRAGMA foreign_keys = ON");
  }
}

function checkReferences(driver: Driver): void {
  const broken = driver.prepare("PRAGMA foreign_key_check").all();
  if (broken.length === 0) return;
  const tables = [...new Set(broken.map((row) => String(row[0])))];
  throw new CuittyError(
    "migration_failed",
    `Expected every reference to hold after the migrations, got ${broken.length} broken in: ${tables.join(", ")}. Nothing was changed.`,
    { details: { tables } },
  );
}
