// Select, insert and update schemas of Drizzle tables: closed TypeBox objects, in the program's form and in JSON's.
import { type TSchema, Type } from "@sinclair/typebox";
import { type Column, getTableColumns, getTableName } from "drizzle-orm";
import { getTableConfig, type SQLiteTable } from "drizzle-orm/sqlite-core";
import { columnSchema } from "./column.ts";
import type { Form, InsertRow, Refinements, RowSchema, SchemaKind, SelectRow, UpdateRow, WireRow } from "./types.ts";
import { isGenerated, isInsertOptional } from "./utils.ts";

/** The schema of a row as it is read. `$id` is `<table>/select`. */
export function createSelectSchema<T extends SQLiteTable>(table: T, refine?: Refinements<T>): RowSchema<SelectRow<T>> {
  return build(table, "select", { form: "runtime", refine });
}

/** The schema of a row to insert: what has a default or may be null is optional, generated columns are not there. */
export function createInsertSchema<T extends SQLiteTable>(table: T, refine?: Refinements<T>): RowSchema<InsertRow<T>> {
  return build(table, "insert", { form: "runtime", refine });
}

/** The schema of a change: every column optional, without the primary key and generated columns. */
export function createUpdateSchema<T extends SQLiteTable>(table: T, refine?: Refinements<T>): RowSchema<UpdateRow<T>> {
  return build(table, "update", { form: "runtime", refine });
}

/** As `createSelectSchema`, for JSON: plain JSON Schema that OpenAPI tools accept. `$id` is `<table>/select/wire`. */
export function createSelectWireSchema<T extends SQLiteTable>(table: T, refine?: Refinements<T>): RowSchema<WireRow<SelectRow<T>>> {
  return build(table, "select", { form: "wire", refine });
}

/** As `createInsertSchema`, for JSON. */
export function createInsertWireSchema<T extends SQLiteTable>(table: T, refine?: Refinements<T>): RowSchema<WireRow<InsertRow<T>>> {
  return build(table, "insert", { form: "wire", refine });
}

/** As `createUpdateSchema`, for JSON. */
export function createUpdateWireSchema<T extends SQLiteTable>(table: T, refine?: Refinements<T>): RowSchema<WireRow<UpdateRow<T>>> {
  return build(table, "update", { form: "wire", refine });
}

interface BuildOptions<T extends SQLiteTable> {
  readonly form: Form;
  readonly refine: Refinements<T> | undefined;
}

function build<T extends SQLiteTable, TRow>(table: T, kind: SchemaKind, { form, refine }: BuildOptions<T>): RowSchema<TRow> {
  const properties: Record<string, TSchema> = {};
  const primary = primaryKeyOf(table);
  for (const [key, column] of Object.entries(getTableColumns(table) as Record<string, Column>)) {
    if (kind !== "select" && isGenerated(column)) continue;
    if (kind === "update" && primary.has(column.name)) continue;
    const base = refined(columnSchema(column, form), refine?.[key as keyof T["_"]["columns"]]);
    const value = column.notNull ? base : Type.Union([base, Type.Null()]);
    const isOptional = kind === "update" || (kind === "insert" && isInsertOptional(column));
    properties[key] = isOptional ? Type.Optional(value) : value;
  }
  const $id = `${getTableName(table)}/${kind}${form === "wire" ? "/wire" : ""}`;
  return Type.Object(properties, { $id, additionalProperties: false }) as unknown as RowSchema<TRow>;
}

function refined(own: TSchema, refinement: TSchema | ((own: TSchema) => TSchema) | undefined): TSchema {
  if (refinement === undefined) return own;
  return typeof refinement === "function" ? refinement(own) : refinement;
}

function primaryKeyOf(table: SQLiteTable): Set<string> {
  const { columns, primaryKeys } = getTableConfig(table);
  const single = columns.filter((column) => column.primary);
  return new Set([...single, ...primaryKeys.flatMap((key) => key.columns)].map((column) => column.name));
}
