// One column as a TypeBox schema, in the program's form or in JSON's.
import { type TSchema, Type } from "@sinclair/typebox";
import type { Column } from "drizzle-orm";
import { BASE64URL_PATTERN, DATE_TIME_PATTERN, INTEGER_PATTERN, NUMERIC_PATTERN, SAFE_INTEGER } from "./constants.ts";
import { JsonValue, jsonSchemaOf } from "./json.ts";
import type { Form } from "./types.ts";
import { type ColumnType, enumOf, lengthOf } from "./utils.ts";

type ColumnSchema = (column: Column, form: Form) => TSchema;

const json: ColumnSchema = (_column, form) => (form === "wire" ? Type.Unknown({ description: "any JSON value" }) : JsonValue);
const bigint: ColumnSchema = (_column, form) =>
  form === "wire" ? Type.String({ pattern: INTEGER_PATTERN, description: "whole number as decimal text" }) : Type.BigInt();

const schemas: Readonly<Record<ColumnType, ColumnSchema>> = {
  SQLiteText: text,
  SQLiteTextJson: json,
  SQLiteBlobJson: json,
  SQLiteInteger: () => Type.Integer(SAFE_INTEGER),
  SQLiteBoolean: () => Type.Boolean(),
  SQLiteTimestamp: (_column, form) =>
    form === "wire" ? Type.String({ pattern: DATE_TIME_PATTERN, description: "date-time of RFC 3339" }) : Type.Date(),
  // Finite: TypeBox refuses NaN and infinities unless told otherwise.
  SQLiteReal: () => Type.Number(),
  SQLiteNumeric: () => Type.String({ pattern: NUMERIC_PATTERN }),
  SQLiteNumericNumber: () => Type.Number(),
  SQLiteNumericBigInt: bigint,
  SQLiteBigInt: bigint,
  SQLiteBlobBuffer: (_column, form) =>
    form === "wire" ? Type.String({ pattern: BASE64URL_PATTERN, contentEncoding: "base64url" }) : Type.Uint8Array(),
};

/** The schema of a column's value, without null. A custom column without a schema of its own takes anything. */
export function columnSchema(column: Column, form: Form): TSchema {
  const own = jsonSchemaOf(column);
  if (own !== undefined) return own;
  const make = (schemas as Readonly<Record<string, ColumnSchema | undefined>>)[column.columnType];
  return make?.(column, form) ?? Type.Unknown();
}

function text(column: Column): TSchema {
  const values = enumOf(column);
  if (values !== undefined) return values.length === 1 ? Type.Literal(values[0]!) : Type.Union(values.map((value) => Type.Literal(value)));
  const maxLength = lengthOf(column);
  return maxLength === undefined ? Type.String() : Type.String({ maxLength });
}
