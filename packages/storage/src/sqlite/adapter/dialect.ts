// Drizzle's SQLite dialect with two repairs: UPDATE and DELETE with LIMIT on builds without it, and migrations that keep child rows.
import { isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { entityKind, getTableColumns, getTableName, type SQL, sql } from "drizzle-orm";
import type { MigrationConfig, MigrationMeta } from "drizzle-orm/migrator";
import type { SQLiteDeleteConfig, SQLiteDialectConfig, SQLiteTable, SQLiteUpdateConfig } from "drizzle-orm/sqlite-core";
import type { Driver, SqlRow, SqlValue } from "../../engine/driver.ts";
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
    return super.buildDeleteQuery({
      ...config,
      where: limitedRows(config, this.#rowKey(config.table)),
      limit: undefined,
      orderBy: undefined,
    });
  }

  override buildUpdateQuery(config: SQLiteUpdateConfig): SQL {
    const isJoined = config.from !== undefined || config.joins.length > 0;
    if (isJoined || !this.#mustRewrite(config)) return super.buildUpdateQuery(config);
    return super.buildUpdateQuery({
      ...config,
      where: limitedRows(config, this.#rowKey(config.table)),
      limit: undefined,
      orderBy: undefined,
    });
  }

  override migrate(migrations: MigrationMeta[], _session: unknown, config?: string | MigrationConfig): void {
    const table = typeof config === "object" ? config.migrationsTable : undefined;
    runDrizzleMigrations(this.#driver, migrations, table);
  }

  /** What tells the table's rows apart. */
  #rowKey(table: SQLiteTable): readonly string[] {
    const key = this.#ask(keyWithoutRowid, [getTableName(table)]);
    return key.length === 0 ? [rowidName(table)] : key.map(([name]) => String(name));
  }

  #mustRewrite({ limit, orderBy, returning }: Limited): boolean {
    if (limit === undefined && (orderBy === undefined || orderBy.length === 0)) return false;
    // SQLite wants ORDER BY after RETURNING, where the Honker engine, which has to rewrite RETURNING, does not look for it.
    if (returning !== undefined) return true;
    this.#hasLimitedWrites ??=
      this.#ask("SELECT 1 FROM pragma_compile_options WHERE compile_options = 'ENABLE_UPDATE_DELETE_LIMIT'").length > 0;
    return !this.#hasLimitedWrites;
  }

  /** `drizzle.mock` builds queries without a file to ask, and a closed one refuses to run them later. */
  #ask(text: string, params: readonly SqlValue[] = []): SqlRow[] {
    try {
      return this.#driver.prepare(text).all(params);
    } catch (error) {
      if (isCuittyError(error, "closed")) return [];
      throw error;
    }
  }
}

/** `rowid in (select rowid … order by … limit …)`: what LIMIT on a write means, in SQL that every SQLite build reads. */
function limitedRows({ table, where, limit, orderBy }: Limited, key: readonly string[]): SQL {
  const names = sql.join(key.map(sql.identifier), sql`, `);
  const chunks = [sql`${key.length === 1 ? names : sql`(${names})`} in (select ${names} from ${table}`];
  if (where !== undefined) chunks.push(sql` where ${where}`);
  if (orderBy !== undefined && orderBy.length > 0) chunks.push(sql` order by ${sql.join([...orderBy], sql`, `)}`);
  if (limit !== undefined) chunks.push(sql` limit ${limit}`);
  chunks.push(sql`)`);
  return sql.join(chunks);
}

/** The primary key of a table WITHOUT ROWID; no rows for any other, nor for one that is not there yet. */
const keyWithoutRowid =
  "SELECT i.name FROM pragma_table_list(?1) AS l, pragma_table_info(?1) AS i WHERE l.schema = 'main' AND l.wr = 1 AND i.pk > 0 ORDER BY i.pk";

/** A name of the row id that no column of the table hides. */
function rowidName(table: SQLiteTable): string {
  const taken = new Set(Object.values(getTableColumns(table)).map((column) => column.name.toLowerCase()));
  return ["rowid", "_rowid_", "oid"].find((name) => !taken.has(name)) ?? "rowid";
}
