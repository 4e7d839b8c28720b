// A statement of the libSQL engine whose text comes as bytes, since the binding cuts text at NUL and aborts the process on what is no UTF-8.
import type { SqlRow, SqlValue } from "./driver.ts";
import { type Bound, exactRow, type LibsqlDatabase, type NativeLibsqlStatement, readStatement, type TextState } from "./libsql-native.ts";
import { rewriteReturning } from "./returning.ts";
import type { SqlInfo } from "./sql-text.ts";

/** Which columns are read as bytes. */
export type ByteColumns = readonly boolean[] | "all";

export interface BytesSource {
  readonly database: LibsqlDatabase;
  readonly sql: string;
  readonly info: SqlInfo;
  readonly text: TextState;
}

export interface BytesStatement {
  readonly wanted: ByteColumns;
  readonly native: NativeLibsqlStatement;
  readonly isBytes: readonly boolean[];
  /** Set for a `RETURNING *`, which lists the columns that the table had then. */
  readonly listedAt: unknown;
}

/** What a statement with a column more or less answers after the schema has changed under its `*`. */
export const hasOtherColumns = (error: unknown): boolean => /has \d+ values for \d+ columns/.test(String((error as Error).message));

const asBytes = (expression: string): string =>
  `CASE typeof(${expression}) WHEN 'text' THEN CAST(${expression} AS BLOB) ELSE ${expression} END,typeof(${expression})='text'`;

/** A connection compiles against the schema it knows, and learns of another process's changes when it runs something. */
function learnSchema(database: LibsqlDatabase): void {
  readStatement(database, "SELECT 1 FROM sqlite_master LIMIT 1").get([]);
}

/** Prepares it anew, by the present columns. @param isFirst only the first row is wanted. */
export function prepareBytes(source: BytesSource, wanted: ByteColumns, isFirst: boolean): BytesStatement {
  const { database, sql, info } = source;
  learnSchema(database);
  if (info.kind === "write") return prepareReturning(source, wanted);
  // Counted on a fresh statement: a cached one learns of a new schema only when it runs.
  const isBytes = database
    .prepare(sql)
    .columns()
    .map((_, index) => wanted === "all" || wanted[index] !== false);
  const names = isBytes.map((_, index) => `c${index}`);
  const columns = names.map((name, index) => (isBytes[index] ? asBytes(name) : name));
  // An OFFSET keeps SQLite from writing an expression out at each place where its name stands, and so from computing it each time.
  const rows = `SELECT * FROM (${sql.slice(0, info.end)}\n) LIMIT ${isFirst ? 1 : -1} OFFSET 0`;
  const native = readStatement(database, `WITH "_b"(${names}) AS (${rows}) SELECT ${columns} FROM "_b"`);
  return { wanted, native, isBytes, listedAt: undefined };
}

function prepareReturning({ database, sql, text }: BytesSource, wanted: ByteColumns): BytesStatement {
  const isBytes: boolean[] = [];
  const returning = rewriteReturning(sql, {
    columnsOf: (table) =>
      database
        .prepare(`SELECT * FROM "${table.replaceAll('"', '""')}" LIMIT 0`)
        .columns()
        .map(({ name }) => name),
    toColumn(expression, index) {
      isBytes[index] = wanted === "all" || wanted[index] !== false;
      return isBytes[index] ? asBytes(expression) : expression;
    },
  });
  const listedAt = returning?.hasStar ? text.schemaVersion() : undefined;
  return { wanted, native: readStatement(database, returning?.sql ?? sql), isBytes, listedAt };
}

/** Its rows: each column that is read as bytes is followed by whether it is text. What is no UTF-8 becomes U+FFFD. */
export function bytesRows({ native, isBytes }: BytesStatement, values: Bound[]): SqlRow[] {
  return native.all(values).map((row) => {
    const exact = exactRow(row);
    if (isBytes.length === 0) return exact;
    const result: SqlRow = new Array(isBytes.length);
    let at = 0;
    for (let index = 0; index < result.length; index++) {
      const value = exact[at++] as SqlValue;
      result[index] = isBytes[index] && exact[at++] === 1 ? Buffer.from(value as Uint8Array).toString("utf8") : value;
    }
    return result;
  });
}
