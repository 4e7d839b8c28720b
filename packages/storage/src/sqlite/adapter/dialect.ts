// Drizzle's SQLite dialect with two repairs: UPDATE and DELETE with LIMIT on builds without it, and migrations that keep child rows.
import { entityKind, getTableColumns, type SQL, sql } from "drizzle-orm";
import type { MigrationConfig, MigrationMeta } from "drizzle-orm/migrator";
import type { SQLiteDeleteConfig, SQLiteDialectConfig, SQLiteTable, SQLiteUpdateConfig } from "drizzle-orm/sqlite-core";
import type { Driver } from "../../engine/driver.ts";
import { SQLiteSyncDialect } from "./drizzle-internals.ts";
import { runDrizzleMigrations } from "./drizzle-migrations.ts";

interface Limited {
  readonly table: SQLiteTable;
  readonly where?: SQL | undefined;
  readonly limit?: SQLiteDeleteConfig["limit"];
  readonly orderBy?: SQLiteDeleteConfig["orderBy"];
  readonly returning?: SQLiteDeleteConfig["returning"];
}

/** The dialect of one driver. */
export class HonkerDialect extends SQLiteSyncDialect {
  static override readonly [entityKind]: string = "HonkerDialect";
  readonly #driver: Driver;
  #hasLimitedWrites: boolean | undefined;

  constructor(driver: Driver, config?: SQLiteDialectConfig) {
    super(config);
    this.#driver = driver;
  }

  override buildDeleteQuery(config: SQLiteDeleteConfig): SQL {
    if (!this.#mustRewrite(config)) return super.buildDeleteQuery(config);
    return super.buildDeleteQuery({ ...config, where: limitedRows(config), limit: undefined, orderBy: undefined });
  }

  override buildUpdateQuery(config: SQLiteUpdateConfig): SQL {
    const isJoined = config.from !== undefined || config.joins.length > 0;
    if (isJoined || !this.#mustRewrite(config)) return super.buildUpdateQuery(config);
    return super.buildUpdateQuery({ ...config, where: limitedRows(config), limit: undefined, orderBy: undefined });
  }

  override migrate(migrations: MigrationMeta[], _session: unknown, config?: string | MigrationConfig): void {
    const table = typeof config === "object" ? config.migrationsTable : undefined;
    runDrizzleMigrations(this.#driver, migrations, table);
  }

  #mustRewrite({ limit, orderBy, returning }: Limited): boolean {
    if (limit === undefined && (orderBy === undefined || orderBy.length === 0)) return false;
    // SQLite wants ORDER BY after RETURNING, where the Honker engine, which has to rewrite RETURNING, does not look for it.
    if (returning !== undefined) return true;
    this.#hasLimitedWrites ??=
      this.#driver.prepare("SELECT 1 FROM pragma_compile_options WHERE compile_options = 'ENABLE_UPDATE_DELETE_LIMIT'").get() !== undefined;
    return !this.#hasLimitedWrites;
  }
}

/** `rowid in (select rowid … order by … limit …)`: what LIMIT on a write means, in SQL that every SQLite build reads. */
function limitedRows({ table, where, limit, orderBy }: Limited): SQL {
  const rowid = sql.identifier(rowidName(table));
  const chunks = [sql`${rowid} in (select ${rowid} from ${table}`];
  if (where !== undefined) chunks.push(sql` where ${where}`);
  if (orderBy !== undefined && orderBy.length > 0) chunks.push(sql` order by ${sql.join([...orderBy], sql`, `)}`);
  if (limit !== undefined) chunks.push(sql` limit ${limit}`);
  chunks.push(sql`)`);
  return sql.join(chunks);
}

/** A name of the row id that no column of the table hides. */
function rowidName(table: SQLiteTable): string {
  const taken = new Set(Object.values(getTableColumns(table)).map((column) => column.name.toLowerCase()));
  return ["rowid", "_rowid_", "oid"].find((name) => !taken.has(name)) ?? "rowid";
}
