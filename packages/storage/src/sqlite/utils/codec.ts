// Rows between their two forms: Date, bytes and bigint in the program; date-time, base64url and decimal strings in JSON.

import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { TSchema } from "@sinclair/typebox";
import { type Column, getTableColumns } from "drizzle-orm";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import { assertMatches } from "./json.ts";
import { createInsertWireSchema, createSelectWireSchema, createUpdateWireSchema } from "./schema.ts";
import type { InsertRow, Refinements, SelectRow, UpdateRow, WireRow } from "./types.ts";
import { isColumnType } from "./utils.ts";

/** Translates rows of one table. Decoding checks first: unknown and missing fields, wrong types, dates that do not exist. */
export interface RowCodec<T extends SQLiteTable> {
  /** A row, or some of its columns, as JSON carries it. */
  encode<TRow extends Partial<SelectRow<T>>>(row: TRow): WireRow<TRow>;
  /** Errors, for all three: `validation` with the path. */
  decodeSelect(json: unknown): SelectRow<T>;
  decodeInsert(json: unknown): InsertRow<T>;
  decodeUpdate(json: unknown): UpdateRow<T>;
}

/** The codec of a table. `refine` is the same as for its schemas. */
export function createRowCodec<T extends SQLiteTable>(table: T, refine?: Refinements<T>): RowCodec<T> {
  const columns = new Map(Object.entries(getTableColumns(table) as Record<string, Column>));
  const translate = (row: object, convert: (column: Column, value: unknown, key: string) => unknown) =>
    Object.fromEntries(Object.entries(row).map(([key, value]) => [key, convertIn(columns.get(key), value, key, convert)]));
  const decoder = (schema: TSchema) => (json: unknown) => {
    assertMatches(schema, json, `the row (${schema.$id})`);
    return translate(json as object, fromWire) as never;
  };
  return {
    encode: (row) => translate(row, toWire) as never,
    decodeSelect: decoder(createSelectWireSchema(table, refine)),
    decodeInsert: decoder(createInsertWireSchema(table, refine)),
    decodeUpdate: decoder(createUpdateWireSchema(table, refine)),
  };
}

function convertIn(
  column: Column | undefined,
  value: unknown,
  key: string,
  convert: (column: Column, value: unknown, key: string) => unknown,
): unknown {
  return column === undefined || value === null || value === undefined ? value : convert(column, value, key);
}

function toWire(column: Column, value: unknown): unknown {
  if (isColumnType(column, ["SQLiteTimestamp"])) return (value as Date).toISOString();
  if (isColumnType(column, ["SQLiteBigInt", "SQLiteNumericBigInt"])) return String(value);
  if (isColumnType(column, ["SQLiteBlobBuffer"])) {
    const { buffer, byteOffset, byteLength } = value as Uint8Array;
    return Buffer.from(buffer, byteOffset, byteLength).toString("base64url");
  }
  return value;
}

function fromWire(column: Column, value: unknown, key: string): unknown {
  if (isColumnType(column, ["SQLiteTimestamp"])) return parseDate(value as string, key);
  if (isColumnType(column, ["SQLiteBigInt", "SQLiteNumericBigInt"])) return BigInt(value as string);
  if (isColumnType(column, ["SQLiteBlobBuffer"])) return Buffer.from(value as string, "base64url");
  return value;
}

/** The pattern lets 31 February through; the calendar does not. */
function parseDate(text: string, key: string): Date {
  const date = new Date(text.toUpperCase());
  const isReal = !Number.isNaN(date.getTime()) && daysOf(text) >= Number(/-(\d\d)[Tt]/.exec(text)?.[1]);
  if (isReal) return date;
  throw new CuittyError("validation", `Expected /${key} to be a date-time that exists, got one that does not.`, {
    details: { path: `/${key}` },
  });
}

function daysOf(text: string): number {
  const [, year, month] = /^([+-]?\d+)-(\d\d)/.exec(text) ?? [];
  if (month === "02") return isLeap(Number(year)) ? 29 : 28;
  return ["04", "06", "09", "11"].includes(month ?? "") ? 30 : 31;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}
