// The two kinds of database: system.db with identities, and one tenant file per organization with its graphs.
import type { StorageClient } from "../engine/open.ts";
import { type ApplyMigrationsOptions, applyMigrations } from "../migrate/migrate.ts";
import { systemMigrations } from "../migrate/system-migrations.ts";
import { tenantMigrations } from "../migrate/tenant-migrations.ts";
import type { HonkerDatabase } from "./adapter/database.ts";
import { type ClientSource, partsOf } from "./adapter/source.ts";
import { createDatabase, type DatabaseParts, type HonkerDrizzleConfig } from "./adapter.ts";
import { systemSchema, tenantSchema } from "./schema.ts";

/** Tables and relations of `system.db`. */
export type SystemSchema = typeof systemSchema;
/** Tables and relations of a tenant's file. */
export type TenantSchema = typeof tenantSchema;
/** `system.db` through Drizzle. */
export type SystemDatabase = HonkerDatabase<SystemSchema, StorageClient>;
/** A tenant's file through Drizzle. */
export type TenantDatabase = HonkerDatabase<TenantSchema, StorageClient>;

export interface DatabaseOptions extends Pick<HonkerDrizzleConfig, "logger"> {
  /** Bring the file to the newest schema first. With `false` only its kind is not checked either. @default true */
  readonly migrate?: boolean | undefined;
}

/**
 * The database of accounts, organizations, keys, projects and the audit trail, with relations for `db.query`.
 * Errors: those of `applyMigrations`, among them `file_kind_mismatch` for a tenant file.
 *
 * @example
 * const db = createSystemDatabase(open("system.db"));
 * const admins = await db.select().from(accounts).where(eq(accounts.accessLevel, "admin"));
 */
export function createSystemDatabase(source: ClientSource, options: DatabaseOptions = {}): SystemDatabase {
  const parts = openParts(source, options, { kind: "system", migrations: systemMigrations });
  return createDatabase(parts, { schema: systemSchema, logger: options.logger });
}

/**
 * The database of one organization's graphs: types, nodes, edges.
 * Errors: those of `applyMigrations`, among them `file_kind_mismatch` for a system file.
 *
 * @example
 * const db = createTenantDatabase(open("tenant-acme.db"));
 * const active = await db.select().from(graphs).where(eq(graphs.status, "active"));
 */
export function createTenantDatabase(source: ClientSource, options: DatabaseOptions = {}): TenantDatabase {
  const parts = openParts(source, options, { kind: "tenant", migrations: tenantMigrations });
  return createDatabase(parts, { schema: tenantSchema, logger: options.logger });
}

/** What was opened here is closed again when the migrations fail; what was given stays open. */
function openParts(source: ClientSource, options: DatabaseOptions, migrations: ApplyMigrationsOptions): DatabaseParts<StorageClient> {
  const parts = partsOf(source);
  try {
    if (options.migrate ?? true) applyMigrations(parts.driver, migrations);
    return parts;
  } catch (error) {
    if (typeof source === "string") parts.client.close();
    throw error;
  }
}
