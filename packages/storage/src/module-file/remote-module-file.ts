// A module file behind a URL: the same promises as a local one, each group one atomic batch over HTTP.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Driver, Statement } from "../engine/driver.ts";
import { retryBusy } from "../engine/retry-busy.ts";
import { prepareLedger, readLedger, recordMigration } from "../migrate/ledger.ts";
import { CORE_TABLES } from "./core-tables.ts";
import { checkIngestWrite, INBOX_SWEEP } from "./ingest-write.ts";
import { connectRemote } from "./remote-client.ts";
import { createRemoteWriter } from "./remote-writer.ts";
import { runReplayed } from "./replayed-transaction.ts";
import type { Migration, ModuleFile, ModuleFileOptions, WriteTransaction } from "./types.ts";

/** Another process may be migrating. */
const openTimeoutMs = 5_000;

/** Opens a remote database; see `openModuleFile`. Errors: `io` when it cannot be reached, those of migrations. */
export async function openRemoteModuleFile(options: ModuleFileOptions): Promise<ModuleFile> {
  const { location, authToken, migrations, busyTimeoutMs = 200 } = options;
  const database = await connectRemote(location, authToken);
  try {
    await retryBusy(
      () => database.transaction((execute) => runReplayed(execute, (tx) => migrateRemote(tx, { location, migrations }))),
      openTimeoutMs,
    );
  } catch (error) {
    database.close();
    throw error;
  }
  const writer = createRemoteWriter(database, { location, busyTimeoutMs });
  let closing: Promise<void> | undefined;
  return {
    location,
    async write(request, { signal } = {}) {
      checkIngestWrite(request);
      return writer.write(request, signal);
    },
    transact: writer.transact,
    async all(sql, params) {
      return (await database.execute({ sql, params })).rows;
    },
    sweepInbox: (beforeMs) => writer.transact((tx) => tx.run(INBOX_SWEEP, [Math.trunc(beforeMs)])),
    async backup() {
      throw new CuittyError("unsupported", `backup works on local files only; use the backups of the server behind ${location}`);
    },
    stats: () => ({
      commits: writer.totals.commits,
      rows: writer.totals.rows,
      groupSize: writer.totals.commits === 0 ? 0 : writer.totals.writes / writer.totals.commits,
      queued: writer.queued,
      walBytes: 0,
    }),
    close() {
      closing ??= writer.drain().then(() => database.close());
      return closing;
    },
  };
}

function migrateRemote(tx: WriteTransaction, { location, migrations }: { location: string; migrations: readonly Migration[] }): void {
  const driver = ledgerDriver(tx, location);
  const version = readLedger(driver, migrations);
  for (const migration of migrations.slice(version)) {
    if (migration.rebuild === true) {
      throw new CuittyError(
        "unsupported",
        `migration ${migration.version} (${migration.name}) rebuilds a table, which needs foreign keys off outside a transaction; run it on the server`,
      );
    }
    prepareLedger(driver, "module");
    for (const statement of migration.statements) tx.run(statement);
    recordMigration(driver, migration, Date.now());
  }
  const present = tx.all("SELECT count(*) FROM sqlite_master WHERE name IN ('_inbox', '_inbox_at', '_outbox', '_outbox_due')");
  if (present[0]?.[0] !== CORE_TABLES.length) for (const statement of CORE_TABLES) tx.run(statement);
}

/** What the ledger uses of a driver. A server owns its header, so the pragmas that mark a file are left out. */
function ledgerDriver(tx: WriteTransaction, location: string): Driver {
  const prepare = (sql: string): Pick<Statement, "all" | "get" | "run"> => ({
    all: (params) => tx.all(sql, params),
    get: (params) => tx.all(sql, params)[0],
    run: (params) => ({ changes: tx.run(sql, params), lastInsertRowid: 0 }),
  });
  const exec = (sql: string): void => {
    if (!/^\s*PRAGMA\b/i.test(sql)) tx.run(sql);
  };
  return { path: location, prepare, exec } as unknown as Driver;
}
