// The part of better-sqlite3 that the benches use: it ships no types, and types must also check where bench/ is not installed.
declare module "better-sqlite3" {
  export interface Statement {
    run(...parameters: unknown[]): { changes: number; lastInsertRowid: number | bigint };
    get(...parameters: unknown[]): unknown;
    all(...parameters: unknown[]): unknown[];
    /** Rows become the value of their first column. */
    pluck(toggle?: boolean): Statement;
  }

  export interface Database {
    prepare(sql: string): Statement;
    exec(sql: string): Database;
    pragma(text: string, options?: { readonly simple?: boolean }): unknown;
    transaction<Parameters extends unknown[], Result>(body: (...parameters: Parameters) => Result): Transaction<Parameters, Result>;
    close(): Database;
  }

  export interface Transaction<Parameters extends unknown[], Result> {
    (...parameters: Parameters): Result;
    immediate(...parameters: Parameters): Result;
  }

  const Constructor: new (path: string, options?: { readonly readonly?: boolean; readonly timeout?: number }) => Database;
  export default Constructor;
}
