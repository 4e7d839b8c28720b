// The four columns every table starts with, and the JSON check that belongs to them.
import { Type } from "@sinclair/typebox";
import { type SQL, sql } from "drizzle-orm";
import { type AnySQLiteColumn, integer, text } from "drizzle-orm/sqlite-core";
import { JsonValue } from "../utils/json.ts";

/** `{ "_subsystem.key": value }`: the extension namespace every row carries. */
export type Metadata = Record<string, unknown>;

/**
 * Id (made by the caller), metadata, and two Unix-second stamps. There is no `$onUpdate`: who changes a row sets `updatedAt`.
 * Spread it first in every table.
 */
export const commonCols = {
  id: text("id").primaryKey(),
  metadata: text("metadata", { mode: "json" }).$type<Metadata>().default({}),
  createdAt: integer("created_at", { mode: "timestamp" }).default(sql`(strftime('%s', 'now'))`).notNull(),
  updatedAt: integer("updated_at", { mode: "timestamp" }).default(sql`(strftime('%s', 'now'))`).notNull(),
};

/** A JSON object with any values. */
export const MetadataSchema = Type.Record(Type.String(), JsonValue);
/** A column of 1 and 0. */
export const FlagSchema = Type.Union([Type.Literal(0), Type.Literal(1)]);
/** What the generated schemas say about the common columns beyond their types. */
export const commonRefinements = { metadata: MetadataSchema };

/** True for text that SQLite's JSON functions can read, and for NULL, which `json_valid` calls invalid up to SQLite 3.44. */
export function isJson(column: AnySQLiteColumn): SQL {
  const name = sql.identifier(column.name);
  return column.notNull ? sql`json_valid(${name})` : sql`${name} is null or json_valid(${name})`;
}

/** True for NULL and for one of `values`; a closed set that only a migration widens. */
export function isOneOf(column: AnySQLiteColumn, values: readonly (string | number)[]): SQL {
  const list = values.map((value) => (typeof value === "number" ? String(value) : `'${value}'`)).join(", ");
  return sql`${sql.identifier(column.name)} in (${sql.raw(list)})`;
}
