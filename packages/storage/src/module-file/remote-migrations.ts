// Brings a remote database to the newest schema: one transaction for all that is missing, with the rules of a local file.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Driver, Statement } from "../engine/driver.ts";
import { nextToken, splitStatements } from "../engine/sql-text.ts";
import { prepareLedger, readLedger, recordMigration } from "../migrate/ledger.ts";
import { asMigrationError, checkSequence, checkStatements, titleOf } from "../migrate/migrate.ts";
import { CORE_TABLES } from "./core-tables.ts";
import type { RemoteDatabase } from "./remote-client.ts";
import { runReplayed } from "./replayed-transaction.ts";
import type { Migration, WriteTransaction } from "./types.ts";

interface RemoteMigrations {
  readonly location: string;
  readonly migrations: readonly Migration[];
}

/**
 * Applies what is missing, and makes inbox and outbox. Errors: those of `applyMigrations`; `unsupported` for a rebuild, since it needs foreign keys off,
 * which only the server can switch, and for dropping a table that another one references, whose rows would be deleted.
 */
export async function migrateRemote(database: RemoteDatabase, { location, migrations }: RemoteMigrations): Promise<void> {
  checkSequence(migrations);
  let current: Migration | undefined;
  try {
    await database.transaction((execute) =>
      runReplayed(execute, (tx) => {
        const driver = ledgerDriver(tx, location);
        const missing = migrations.slice(readLedger(driver, migrations));
        for (const migration of missing) checkStatements(titleOf(migration), migration.statements);
        for (const migration of missing) {
          if (migration.rebuild === true) throw unsupported(migration, "rebuilds a table");
          current = migration;
          applyRemote(tx, driver, migration);
        }
        current = undefined;
        makeCoreTables(tx);
      }),
    );
  } catch (error) {
    throw current === undefined || isCuittyError(error, "unsupported") ? error : asMigrationError(location, current, error);
  }
}

function applyRemote(tx: WriteTransaction, driver: Driver, migration: Migration): void {
  prepareLedger(driver, "module");
  for (const statement of migration.statements.flatMap(splitStatements)) {
    const dropped = droppedTable(statement);
    const child = dropped === undefined ? undefined : referencingTable(tx, dropped);
    if (child !== undefined) throw unsupported(migration, `drops ${dropped}, which ${child} references`);
    tx.run(statement);
  }
  recordMigration(driver, migration, Date.now());
}

function makeCoreTables(tx: WriteTransaction): void {
  const present = tx.all("SELECT count(*) FROM sqlite_master WHERE name IN ('_inbox', '_inbox_at', '_outbox', '_outbox_due')");
  if (present[0]?.[0] !== CORE_TABLES.length) for (const statement of CORE_TABLES) tx.run(statement);
}

function unsupported(migration: Migration, what: string): CuittyError {
  return new CuittyError(
    "unsupported",
    `migration ${titleOf(migration)} ${what}, which needs foreign keys off outside a transaction; run it on the server`,
  );
}

/** The tokens of a statement, names without their quotes. */
function tokensOf(sql: string): string[] {
  const tokens: string[] = [];
  for (let token = nextToken(sql, 0); token !== undefined; token = nextToken(sql, token.end)) {
    const text = sql.slice(token.start, token.end);
    tokens.push(token.kind === "quoted" || token.kind === "string" ? text.slice(1, -1) : text);
  }
  return tokens;
}

/** `DROP TABLE [IF EXISTS] [schema.]name`. */
function droppedTable(statement: string): string | undefined {
  return /^\s*(?:drop|--|\/\*)/i.test(statement) && /^drop table /i.test(tokensOf(statement).slice(0, 3).join(" "))
    ? tokensOf(statement).at(-1)
    : undefined;
}

/** Another table whose text says that it references this one. A server may refuse the pragma that lists references. */
function referencingTable(tx: WriteTransaction, table: string): string | undefined {
  const name = table.toLowerCase();
  const tables = tx.all("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql LIKE '%references%' ORDER BY name");
  const child = tables.find(([child, sql]) => {
    const tokens = tokensOf(String(sql)).map((token) => token.toLowerCase());
    return String(child).toLowerCase() !== name && tokens.some((token, at) => token === "references" && tokens[at + 1] === name);
  });
  return child === undefined ? undefined : String(child[0]);
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
