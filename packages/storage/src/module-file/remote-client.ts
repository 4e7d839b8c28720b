// The client of a remote libSQL database: values exact, errors in our codes.

import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Client, InArgs, InStatement, ResultSet } from "@libsql/client/http";
import type { SqlRow, SqlValue } from "../engine/driver.ts";
import { storageError } from "../engine/errors.ts";
import { checkedParameter } from "../engine/parameters.ts";

export interface RemoteResult {
  readonly rows: SqlRow[];
  readonly changes: number;
}

export interface RemoteStatement {
  readonly sql: string;
  readonly params?: readonly SqlValue[];
}

/** What a remote file needs of its database. Errors: those of ModuleFile. */
export interface RemoteDatabase {
  execute(statement: RemoteStatement): Promise<RemoteResult>;
  /** All statements or none. An error carries `details.statement`, the position of the one that failed, when one did. */
  batch(statements: readonly RemoteStatement[]): Promise<RemoteResult[]>;
  /** Runs `body` with one open write transaction; commits when it resolves. */
  transaction<T>(body: (execute: RemoteDatabase["execute"]) => Promise<T>): Promise<T>;
  close(): void;
}

/** A URL without what lets one in: the token may stand in its query, a password before its host. For messages, which end in logs. */
export const withoutSecrets = (url: string): string => url.replace(/[?#].*$/s, "").replace(/(?<=\/\/).*@/, "");

/** Connects lazily: the first statement opens the connection. */
export async function connectRemote(url: string, authToken: string | undefined): Promise<RemoteDatabase> {
  const { createClient } = await import("@libsql/client/http");
  const guard = async <T>(body: () => T | Promise<T>): Promise<T> => {
    try {
      return await body();
    } catch (error) {
      throw remoteError(error, url);
    }
  };
  const client: Client = await guard(() => createClient({ url, intMode: "bigint", ...(authToken === undefined ? {} : { authToken }) }));
  return {
    execute: (statement) => guard(async () => toResult(await client.execute(toInput(statement)))),
    batch: (statements) => guard(async () => (await client.batch(statements.map(toInput), "write")).map(toResult)),
    async transaction(body) {
      const transaction = await guard(() => client.transaction("write"));
      try {
        // What the body itself throws passes through unchanged.
        const result = await body((statement) => guard(async () => toResult(await transaction.execute(toInput(statement)))));
        await guard(() => transaction.commit());
        return result;
      } finally {
        // Rolls back what is not committed.
        transaction.close();
      }
    },
    close: () => client.close(),
  };
}

function toInput({ sql, params = [] }: RemoteStatement): InStatement {
  const args = params.map((given, index) => {
    const value = checkedParameter(given, index);
    if (typeof value !== "number") return value;
    if (!Number.isFinite(value))
      throw new CuittyError("invalid_parameter", `parameter ${index + 1}: a remote libSQL database takes no infinite numbers`);
    // The protocol has integers and floats; a JavaScript number would travel as a float.
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value;
  });
  return { sql, args: args as InArgs };
}

function toResult(result: ResultSet): RemoteResult {
  const rows = result.rows.map((row) => result.columns.map((_, index) => exact(row[index])));
  return { rows, changes: result.rowsAffected };
}

function exact(value: unknown): SqlValue {
  if (typeof value === "bigint")
    return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  return value instanceof ArrayBuffer ? Buffer.from(value) : (value as SqlValue);
}

interface LibsqlError {
  readonly message: string;
  readonly code?: string;
  readonly statementIndex?: number;
  readonly cause?: unknown;
}

/** SQLite's own sentence, without what the server and the client put before it. */
const sqliteText =
  /(?:(?:UNIQUE|NOT NULL|CHECK|FOREIGN KEY|PRIMARY KEY) constraint failed|database is locked|database or disk is full|attempt to write a readonly database|disk I\/O error|database disk image is malformed).*/s;

function remoteError(error: unknown, url: string): unknown {
  if (isCuittyError(error)) return error;
  const location = withoutSecrets(url);
  const { message: told = String(error), code, statementIndex } = error as LibsqlError;
  const message = told.replaceAll(url, location);
  const text = sqliteText.exec(message)?.[0];
  const known = text === undefined ? undefined : storageError({ message: text }, location);
  const isSqlite = known !== undefined || (code?.startsWith("SQLITE_") ?? false);
  const details = { ...known?.details, path: location, ...(statementIndex === undefined ? {} : { statement: statementIndex }) };
  if (known !== undefined) return new CuittyError(known.code, text as string, { retryable: known.retryable, details, cause: error });
  if (isSqlite)
    return new CuittyError(code === "SQLITE_BUSY" ? "busy" : "sql", message, { retryable: code === "SQLITE_BUSY", details, cause: error });
  const isRefused = /\b(?:401|403)\b|unauthorized/i.test(message);
  const advice = isRefused ? "check authToken" : "the outcome is unknown; a retry with the same idempotency key is safe";
  return new CuittyError("io", `the libSQL server did not answer as expected: ${message}; ${advice}`, {
    retryable: !isRefused,
    details,
    cause: error,
  });
}
