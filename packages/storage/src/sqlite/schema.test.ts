// The schema that the migrations build is the schema that the Drizzle definitions say, in every column, index, reference and check.
import { getTableName, is, Table } from "drizzle-orm";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Driver } from "../engine/driver.ts";
import { applyMigrations } from "../migrate/migrate.ts";
import { systemMigrations } from "../migrate/system-migrations.ts";
import { tenantMigrations } from "../migrate/tenant-migrations.ts";
import { systemSchema, tenantSchema } from "./schema.ts";
import { checksOf, ddlOf } from "./testing/ddl.ts";
import { engines, type TestFiles, testFiles } from "./testing/drivers.ts";

let files: TestFiles;
beforeEach(() => {
  files = testFiles();
});
afterEach(() => files.remove());

const kinds = [
  { kind: "system", migrations: systemMigrations, schema: systemSchema },
  { kind: "tenant", migrations: tenantMigrations, schema: tenantSchema },
] as const;

const tablesOf = (schema: object): SQLiteTable[] => Object.values(schema).filter((value): value is SQLiteTable => is(value, Table));

/** What SQLite itself says about a table. Foreign keys are numbered by their order, which means nothing. */
function shapeOf(driver: Driver, table: string) {
  const rows = (sql: string) => driver.prepare(sql).all();
  const keys = rows(`PRAGMA foreign_key_list("${table}")`).map(([id, seq, ...rest]) => ({ id, seq, text: rest.join(" ") }));
  const indexes = rows(`SELECT name, "unique", origin, partial FROM pragma_index_list('${table}') WHERE origin <> 'pk'`);
  return {
    columns: rows(`PRAGMA table_xinfo("${table}")`),
    foreignKeys: keys.map(({ seq, text }) => `${seq} ${text}`).sort(),
    indexes: indexes.sort((a, b) => String(a[0]).localeCompare(String(b[0]))),
    indexColumns: Object.fromEntries(indexes.map(([name]) => [name, rows(`PRAGMA index_xinfo("${name}")`)])),
    indexSql: rows(`SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = '${table}' AND sql IS NOT NULL ORDER BY name`),
  };
}

describe.each(engines)("schema on %s", (engine) => {
  test.each(kinds)("$kind: every table of the file equals its definition", ({ kind, migrations, schema }) => {
    const built = files.open(engine, "built.db");
    applyMigrations(built, { kind, migrations });
    const defined = files.open(engine, "defined.db");
    for (const table of tablesOf(schema)) for (const statement of ddlOf(table)) defined.exec(statement);
    for (const table of tablesOf(schema)) {
      const name = getTableName(table);
      expect(shapeOf(built, name), name).toEqual(shapeOf(defined, name));
      const ddl = String(built.prepare("SELECT sql FROM sqlite_master WHERE name = ?").get([name])?.[0]);
      for (const check of checksOf(table)) expect(ddl).toContain(check);
      expect(ddl.match(/CHECK \(/g) ?? []).toHaveLength(checksOf(table).length);
    }
  });

  test.each(kinds)("$kind: the file holds no table that has no definition", ({ kind, migrations, schema }) => {
    const driver = files.open(engine);
    applyMigrations(driver, { kind, migrations });
    const names = driver
      .prepare(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
      )
      .all();
    expect(names.map(([name]) => name).sort()).toEqual(tablesOf(schema).map(getTableName).sort());
  });
});
