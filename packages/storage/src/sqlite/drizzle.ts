// The public surface of `@cuitty/storage/drizzle`: Drizzle on an SQLite file, in the shapes of Drizzle's own drivers.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { readMigrationFiles } from "drizzle-orm/migrator";
import type { Driver } from "../engine/driver.ts";
import { type ClientTransaction, type OpenOptions, open, type StorageClient } from "../engine/open.ts";
import { HonkerDatabase } from "./adapter/database.ts";
import { runDrizzleMigrations } from "./adapter/drizzle-migrations.ts";
import type { RunResult } from "./adapter/run-result.ts";
import { type ClientSource, partsOf } from "./adapter/source.ts";
import { HonkerTransaction } from "./adapter/transaction.ts";
import { createDatabase, type HonkerDrizzleConfig } from "./adapter.ts";

export type { ClientSource, ClientTransaction, HonkerDrizzleConfig, OpenOptions, RunResult, StorageClient };
export { HonkerDatabase, HonkerTransaction, open };

type FullSchema = Record<string, unknown>;

/** What a file is opened with: its path, or an object with the path as `source`. */
export type HonkerConnection = string | ({ readonly source: string } & OpenOptions);

/** The one-argument form: everything in one object. `client` is something that is open already. */
export type HonkerDrizzleOptions<TSchema extends FullSchema> = HonkerDrizzleConfig<TSchema> &
  ({ readonly connection: HonkerConnection } | { readonly client: ClientSource });

/**
 * A Drizzle database on an opened client, a driver, a path or a raw Honker database; without any of these, in memory.
 *
 * @example
 * const db = drizzle(open("app.db"), { schema, logger: true, casing: "snake_case" });
 */
export function drizzle<TSchema extends FullSchema = Record<string, never>>(
  source: ClientSource | HonkerDrizzleOptions<TSchema> = ":memory:",
  config?: HonkerDrizzleConfig<TSchema>,
): HonkerDatabase<TSchema, StorageClient> {
  if (!isOptions(source)) return createDatabase(partsOf(source), config);
  const { schema, logger, casing } = source;
  return createDatabase(partsOf("client" in source ? source.client : openConnection(source.connection)), { schema, logger, casing });
}

/** A database that builds queries (`toSQL`) and refuses to run them. */
drizzle.mock = function mock<TSchema extends FullSchema = Record<string, never>>(
  config?: HonkerDrizzleConfig<TSchema>,
): HonkerDatabase<TSchema, StorageClient> {
  const refuse = (): never => {
    throw new CuittyError(
      "closed",
      "Expected a database, got drizzle.mock(), which only builds queries. Make it with drizzle(open(path)).",
    );
  };
  const driver: Driver = {
    engine: "libsql",
    path: ":memory:",
    sqliteVersion: "",
    inTransaction: false,
    prepare: refuse,
    prepareCommitted: refuse,
    exec: refuse,
    transaction: refuse,
    onCommit: refuse,
    close: () => {},
  };
  return createDatabase({ driver, client: { driver } as StorageClient, notifier: { notify: refuse } }, config);
};

function openConnection(connection: HonkerConnection): StorageClient {
  if (typeof connection === "string") return open(connection);
  const { source, ...options } = connection;
  return open(source, options);
}

function isOptions<TSchema extends FullSchema>(
  source: ClientSource | HonkerDrizzleOptions<TSchema>,
): source is HonkerDrizzleOptions<TSchema> {
  return typeof source === "object" && ("client" in source || "connection" in source);
}

export interface MigrateConfig {
  /** The folder that drizzle-kit writes, with `meta/_journal.json` in it. */
  readonly migrationsFolder: string;
  /** @default "__drizzle_migrations" */
  readonly migrationsTable?: string | undefined;
}

/**
 * Applies a drizzle-kit folder, synchronously; awaiting it does no harm. Unlike Drizzle's own migrator it keeps child rows when a table is rebuilt.
 * Errors: `migration_failed` when a reference would break, `writer_busy` during another transaction, the driver's own otherwise.
 */
export function migrate<TSchema extends FullSchema, TClient>(db: HonkerDatabase<TSchema, TClient>, config: MigrateConfig): void {
  db.session.exclusively(() => runDrizzleMigrations(db.session.core.driver, readMigrationFiles(config), config.migrationsTable));
}
