// Holds a driver's one connection, translates its errors, and opens it anew when a lock conflict has spoiled it.
import type { RunResult, SqlRow, SqlValue } from "./driver.ts";
import { closedError, storageError } from "./errors.ts";
import type { SqlInfo } from "./sql-text.ts";

/** A statement of one engine. Parameters are checked and counted before they get here. */
export interface NativeStatement {
  columns(): readonly string[];
  run(params: readonly SqlValue[]): RunResult;
  all(params: readonly SqlValue[]): SqlRow[];
  get(params: readonly SqlValue[]): SqlRow | undefined;
}

/** One connection of one engine. Throws native errors. */
export interface NativeConnection {
  readonly inTransaction: boolean;
  prepare(sql: string, info: SqlInfo): NativeStatement;
  /** A reading statement beside the writer: it sees committed rows alone. Absent where there is no second connection (memory). */
  prepareCommitted?(sql: string, info: SqlInfo): NativeStatement;
  /** Runs one statement without parameters. */
  execute(sql: string): void;
  close(): void;
}

export interface ConnectionOptions {
  readonly path: string;
  /** Opens the connection and sets its pragmas. Called again when a lock conflict has left it unusable. */
  readonly connect: () => NativeConnection;
  /** Whether a conflict leaves a connection that has to be opened anew. */
  readonly reconnectsAfterBusy: boolean;
}

export interface ConnectionHolder {
  readonly path: string;
  /** Grows with each new connection: statements of an older one are dead. */
  readonly generation: number;
  readonly inTransaction: boolean;
  /** False after a conflict that may have left an unfinished statement. */
  readonly isSound: boolean;
  /** The connection, made anew if need be. Errors: `closed`, those of opening. */
  use(): NativeConnection;
  /** Runs `body` with native errors translated. */
  guard<T>(body: () => T): T;
  /** As `guard`, for what may leave an unfinished statement behind. */
  step<T>(body: () => T): T;
  /** Ends the holder and hands out its last connection, which the caller closes. */
  end(): NativeConnection | undefined;
}

/** Opens the first connection at once. Errors: those of Driver. */
export function holdConnection(options: ConnectionOptions): ConnectionHolder {
  const { path, connect, reconnectsAfterBusy } = options;
  let generation = 0;
  let isSound = true;
  let isEnded = false;

  function guard<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw storageError(error, path);
    }
  }
  let connection: NativeConnection | undefined = guard(connect);

  return {
    path,
    guard,
    get generation() {
      return generation;
    },
    get inTransaction() {
      return connection?.inTransaction ?? false;
    },
    get isSound() {
      return isSound;
    },
    use() {
      if (isEnded) throw closedError(path);
      // An unsound connection would answer "ok" to writes that never reach the file.
      if (connection !== undefined && (isSound || connection.inTransaction || path === ":memory:")) return connection;
      // Closed before the next is opened; when that fails (the lock is still held) the next use tries again.
      connection?.close();
      connection = undefined;
      connection = guard(connect);
      generation++;
      isSound = true;
      return connection;
    },
    step(body) {
      try {
        return body();
      } catch (error) {
        const translated = storageError(error, path);
        if (reconnectsAfterBusy && translated.code === "busy") isSound = false;
        throw translated;
      }
    },
    end() {
      isEnded = true;
      const last = connection;
      connection = undefined;
      return last;
    },
  };
}
