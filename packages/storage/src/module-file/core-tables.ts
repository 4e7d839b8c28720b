// Tables that every module file has: the inbox that makes writes exactly-once, and the outbox of what must happen after a commit.
import type { Driver } from "../engine/driver.ts";

/** In order; each can be run again. */
export const CORE_TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS _inbox (
  project TEXT NOT NULL,
  key TEXT NOT NULL,
  fp BLOB,
  accepted INTEGER NOT NULL,
  duplicate INTEGER NOT NULL,
  note TEXT,
  at INTEGER NOT NULL,
  PRIMARY KEY (project, key)
) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS _inbox_at ON _inbox (at)",
  `CREATE TABLE IF NOT EXISTS _outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  topic TEXT NOT NULL,
  key TEXT,
  payload TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  claimed_until INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  last_error TEXT
)`,
  "CREATE INDEX IF NOT EXISTS _outbox_due ON _outbox (due_at, id)",
];

const present = "SELECT count(*) FROM sqlite_master WHERE name IN ('_inbox', '_inbox_at', '_outbox', '_outbox_due')";

/** Makes what is missing in one transaction; a file that has it all costs one read. Errors: those of Driver. */
export function ensureCoreTables(driver: Driver): void {
  if (driver.prepare(present).get()?.[0] === CORE_TABLES.length) return;
  driver.transaction(() => {
    for (const statement of CORE_TABLES) driver.exec(statement);
  });
}
