// Opens a libSQL file: pragmas, kind, migrations, then a writer in front of its one connection.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Driver, Statement } from "../engine/driver.ts";
import { openLibsql } from "../engine/open-driver.ts";
import { refuseUnknown } from "../engine/options.ts";
import { retryBusy } from "../engine/retry-busy.ts";
import { APPLICATION_IDS } from "../migrate/ledger.ts";
import { applyMigrations } from "../migrate/migrate.ts";
import { gateOf } from "../sqlite/adapter/writer-gate.ts";
import { backupTo } from "./backup.ts";
import { examine, fileBytes } from "./doctor.ts";
import type { FileOptions, StorageFile } from "./types.ts";
import { createWriter } from "./writer.ts";

/** Another process may be migrating: that takes longer than a write. */
const openTimeoutMs = 5_000;

/** Opens a file with its migrations applied. Errors: `invalid_option`, `unknown_option`, `engine_conflict`, those of `applyMigrations`, those of Driver. */
export async function openFile(options: FileOptions): Promise<StorageFile> {
  checkOptions(options);
  const { path, kind = "module", migrations, busyTimeoutMs = 200, ...settings } = options;
  if (!Number.isFinite(busyTimeoutMs) || busyTimeoutMs < 0) {
    throw new CuittyError("invalid_option", `busyTimeoutMs: expected a number of ms from 0, got ${String(busyTimeoutMs)}`);
  }
  // Waiting is ours to do: SQLite's own wait would stop the event loop.
  const driver = await retryBusy(() => openLibsql(path, { ...settings, busyTimeoutMs: 0 }), openTimeoutMs);
  try {
    if (migrations !== undefined) {
      requireFullText(driver, migrations);
      await retryBusy(() => applyMigrations(driver, { kind, migrations }), openTimeoutMs);
    }
  } catch (error) {
    driver.close();
    throw error;
  }
  return createStorageFile(driver, busyTimeoutMs);
}

const optionNames = ["path", "kind", "migrations", "busyTimeoutMs", "synchronous", "cacheKiB", "checkpointPages", "isOwned"];

/** What TypeScript does not see. Errors: `invalid_option`, `unknown_option`. */
function checkOptions(options: FileOptions): void {
  refuseUnknown("openFile", options, optionNames);
  const { path, kind = "module" } = options;
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw new CuittyError("invalid_option", `path: expected the path of a file, got ${path === "" ? "an empty text" : typeof path}`);
  }
  const isId = Number.isInteger(kind) && Number(kind) === (Number(kind) | 0);
  if (isId || (typeof kind === "string" && Object.hasOwn(APPLICATION_IDS, kind))) return;
  throw new CuittyError(
    "invalid_option",
    `kind: expected ${Object.keys(APPLICATION_IDS).join(", ")} or a whole number of 32 bits, got ${String(kind)}`,
  );
}

/** FTS5 is a compile-time choice of the engine: better to know at open than at the first search. */
function requireFullText(driver: Driver, migrations: readonly { readonly statements: readonly string[] }[]): void {
  const isUsed = migrations.some(({ statements }) => statements.some((statement) => /\busing\s+fts5\b/i.test(statement)));
  if (!isUsed || driver.prepare("SELECT sqlite_compileoption_used('ENABLE_FTS5')").get()?.[0] === 1) return;
  throw new CuittyError(
    "fts5_missing",
    `the ${driver.engine} engine (SQLite ${driver.sqliteVersion}) is built without FTS5, which a migration of ${driver.path} uses`,
  );
}

function createStorageFile(driver: Driver, busyTimeoutMs: number): StorageFile {
  const writer = createWriter(driver, busyTimeoutMs);
  let closing: Promise<void> | undefined;
  const gate = gateOf(driver);
  /** While somebody's asynchronous transaction is open on the connection, its rows are not there yet for anyone else. */
  function reading(sql: string): Statement {
    const statement = driver.prepare(sql);
    if (statement.kind === "write" || statement.kind === "control") {
      throw new CuittyError("sql", "expected a reading statement, got one that may write; run it inside the body of a write");
    }
    return gate.owner !== undefined && statement.kind === "read" ? driver.prepareCommitted(sql) : statement;
  }
  return {
    path: driver.path,
    driver,
    // Also while the file closes: bodies that wait in the queue are still to run. Then the driver refuses.
    prepare: (sql) => driver.prepare(sql),
    all: (sql, params) => reading(sql).all(params),
    get: (sql, params) => reading(sql).get(params),
    write: writer.write,
    onCommit: driver.onCommit,
    backup: (target) => writer.task(() => backupTo(driver, target)),
    doctor: () => writer.task(() => examine(driver)),
    stats: () => ({
      commits: writer.totals.commits,
      rows: writer.totals.rows,
      groupSize: writer.totals.commits === 0 ? 0 : writer.totals.writes / writer.totals.commits,
      queued: writer.queued,
      walBytes: fileBytes(`${driver.path}-wal`),
    }),
    close() {
      closing ??= writer.drain().then(() => driver.close());
      return closing;
    },
  };
}
