// The part of `@cuitty/storage/file` this package uses, loaded when a store needs it.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";

export type SqliteValue = null | number | bigint | string | Uint8Array;

export interface SqliteStatement {
  run(params?: readonly SqliteValue[]): unknown;
  all(params?: readonly SqliteValue[]): SqliteValue[][];
  get(params?: readonly SqliteValue[]): SqliteValue[] | undefined;
}

export interface SqliteFile {
  /** Used directly: the store groups its writes itself, and nobody else has the file. */
  readonly driver: { exec(sql: string): void; transaction<T>(body: () => T): T };
  prepare(sql: string): SqliteStatement;
  close(): Promise<void>;
}

export interface SqliteOpenOptions {
  readonly path: string;
  readonly kind: number;
  readonly synchronous: "FULL" | "NORMAL";
  readonly cacheKiB: number;
  readonly checkpointPages: number;
  readonly isOwned: boolean;
}

interface SqliteMigration {
  readonly version: number;
  readonly name: string;
  readonly statements: readonly string[];
}

export interface SqliteLibrary {
  openFile(options: SqliteOpenOptions & { readonly migrations?: readonly SqliteMigration[] }): Promise<SqliteFile>;
  acquireOwnerLease(folder: string): Promise<{ release(): void }>;
}

/** A name in a variable: a bundler for browsers must not look for native code behind it. */
const library = "@cuitty/storage/file";

/** Errors: `missing_library` naming the package to install. */
export async function loadSqlite(): Promise<SqliteLibrary> {
  try {
    return (await import(/* @vite-ignore */ /* webpackIgnore: true */ library)) as unknown as SqliteLibrary;
  } catch (cause) {
    throw new CuittyError("missing_library", 'adapter "sqlite" needs libSQL: run "npm install @cuitty/storage", or use another adapter', {
      cause,
    });
  }
}
