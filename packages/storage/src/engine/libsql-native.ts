// The libSQL binding as far as it is used, and its rows made exact.
import type { SqlRow } from "./driver.ts";
import type { ColumnOrigin, SchemaText } from "./libsql-risk.ts";

export type Bound = null | number | bigint | string | Uint8Array;

export interface NativeLibsqlStatement {
  readonly reader: boolean;
  raw(on: boolean): this;
  safeIntegers(on: boolean): this;
  columns(): ColumnOrigin[];
  run(params: Bound[]): { changes: number; lastInsertRowid: number };
  get(params: Bound[]): Bound[] | undefined;
  all(params: Bound[]): Bound[][];
}

export interface LibsqlDatabase {
  readonly inTransaction: boolean;
  prepare(sql: string): NativeLibsqlStatement;
  exec(sql: string): void;
  close(): void;
}

/** What the statements of a connection know of the file's text. */
export interface TextState {
  mayHoldNul: boolean;
  /** Grows with each change of the schema by this process, and of another one that is seen. */
  schemaChanges: number;
  /** Where text comes from, by the present schema. */
  schema(): SchemaText;
  /** Changes with the schema, whoever changes it. */
  schemaVersion(): unknown;
  /** Looks whether another process has changed the schema, or marked the file, since. */
  look(): void;
}

/** Whole numbers come as bigint. */
export function exactRow(row: Bound[]): SqlRow {
  for (let index = 0; index < row.length; index++) {
    const value = row[index];
    if (typeof value !== "bigint") continue;
    const number = Number(value);
    if (Number.isSafeInteger(number)) row[index] = number;
  }
  return row;
}

export const readStatement = (database: LibsqlDatabase, sql: string): NativeLibsqlStatement =>
  database.prepare(sql).safeIntegers(true).raw(true);
