// Small questions about columns, answered by the names Drizzle gives their classes.
import type { Column } from "drizzle-orm";

/** Drizzle's SQLite column classes that have a schema of their own. */
export type ColumnType =
  | "SQLiteText"
  | "SQLiteTextJson"
  | "SQLiteInteger"
  | "SQLiteBoolean"
  | "SQLiteTimestamp"
  | "SQLiteReal"
  | "SQLiteNumeric"
  | "SQLiteNumericNumber"
  | "SQLiteNumericBigInt"
  | "SQLiteBlobBuffer"
  | "SQLiteBlobJson"
  | "SQLiteBigInt";

/** True when the column is of one of these classes. By name: two copies of Drizzle are ordinary, and class names are its own stable contract. */
export function isColumnType(column: Column, types: readonly ColumnType[]): boolean {
  return (types as readonly string[]).includes(column.columnType);
}

/** The closed set of a text column, if it has one. */
export function enumOf(column: Column): readonly string[] | undefined {
  const values = column.enumValues as readonly string[] | undefined;
  return values !== undefined && values.length > 0 ? values : undefined;
}

/** The declared length of a text column, if it has one. */
export function lengthOf(column: Column): number | undefined {
  const { length } = column as { length?: unknown };
  return typeof length === "number" ? length : undefined;
}

/** A generated column: SQLite computes it, nobody writes it. */
export function isGenerated(column: Column): boolean {
  return column.generated !== undefined || column.generatedIdentity !== undefined;
}

/** True when an insert may leave the column out. */
export function isInsertOptional(column: Column): boolean {
  return !column.notNull || column.hasDefault || column.defaultFn !== undefined || column.onUpdateFn !== undefined;
}
