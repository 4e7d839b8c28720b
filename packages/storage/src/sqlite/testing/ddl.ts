// For tests: the DDL that Drizzle's table definitions stand for, to compare with what the migrations built.
import { getTableName, is, SQL } from "drizzle-orm";
import { getTableConfig, SQLiteColumn, SQLiteSyncDialect, type SQLiteTable } from "drizzle-orm/sqlite-core";

const dialect = new SQLiteSyncDialect();
const quote = (name: string) => `"${name}"`;
const list = (columns: readonly { name: string }[]) => columns.map((column) => quote(column.name)).join(", ");

/** An SQL value as text; only expressions without parameters. */
function render(value: SQL): string {
  return dialect.sqlToQuery(value.inlineParams()).sql;
}

function literal(column: SQLiteColumn): string {
  const value = column.default;
  if (is(value, SQL)) return render(value);
  const driverValue = column.mapToDriverValue(value);
  return typeof driverValue === "string" ? `'${driverValue}'` : String(Number(driverValue));
}

function columnDdl(column: SQLiteColumn & { autoIncrement?: boolean }): string {
  const parts = [quote(column.name), column.getSQLType().toUpperCase()];
  if (column.default !== undefined) parts.push(`DEFAULT ${literal(column)}`);
  if (column.primary) parts.push(column.autoIncrement ? "PRIMARY KEY AUTOINCREMENT" : "PRIMARY KEY");
  if (column.notNull) parts.push("NOT NULL");
  return parts.join(" ");
}

/** CREATE TABLE and CREATE INDEX statements of a Drizzle table. */
export function ddlOf(table: SQLiteTable, { strict = true }: { readonly strict?: boolean } = {}): string[] {
  const config = getTableConfig(table);
  const parts = config.columns.map(columnDdl);
  for (const foreignKey of config.foreignKeys) {
    const { columns, foreignColumns, foreignTable } = foreignKey.reference();
    const actions = [foreignKey.onUpdate && `ON UPDATE ${foreignKey.onUpdate}`, foreignKey.onDelete && `ON DELETE ${foreignKey.onDelete}`];
    const target = `${quote(getTableName(foreignTable))} (${list(foreignColumns)})`;
    parts.push(["FOREIGN KEY", `(${list(columns)})`, "REFERENCES", target, ...actions].filter(Boolean).join(" "));
  }
  for (const key of config.primaryKeys) parts.push(`PRIMARY KEY (${list(key.columns)})`);
  for (const check of config.checks) parts.push(`CONSTRAINT ${quote(check.name)} CHECK (${render(check.value)})`);
  const statements = [`CREATE TABLE ${quote(config.name)} (${parts.join(", ")})${strict ? " STRICT" : ""}`];
  for (const { config: index } of config.indexes) {
    const columns = index.columns.map((column) => (is(column, SQLiteColumn) ? quote(column.name) : render(column as SQL)));
    const where = index.where === undefined ? "" : ` WHERE ${render(index.where)}`;
    statements.push(
      `CREATE ${index.unique ? "UNIQUE " : ""}INDEX ${quote(index.name)} ON ${quote(config.name)} (${columns.join(", ")})${where}`,
    );
  }
  return statements;
}

/** Names and rules of the table's checks, as the migrations must spell them. */
export function checksOf(table: SQLiteTable): string[] {
  return getTableConfig(table).checks.map((check) => `CONSTRAINT ${quote(check.name)} CHECK (${render(check.value)})`);
}
