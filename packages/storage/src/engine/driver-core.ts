// What every engine has in common: statement cache, autocommit, nested transactions, commit listeners, recovery after a lock conflict.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Driver, EngineName, RunResult, SqlRow, SqlValue, Statement } from "./driver.ts";
import { closedError, storageError } from "./errors.ts";
import { wrongParameterCount } from "./parameters.ts";
import { describeSql, type SqlInfo, splitStatements } from "./sql-text.ts";

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

export interface DriverCoreOptions {
  readonly engine: EngineName;
  readonly path: string;
  /** Opens the connection and sets its pragmas. Called again when a lock conflict has left it unusable. */
  readonly connect: () => NativeConnection;
  /** Whether an autocommit write must stand between BEGIN IMMEDIATE and COMMIT of ours (see `autocommit`). */
  readonly wrapsAutocommit: boolean;
  /** Whether a conflict leaves a connection that has to be opened anew. */
  readonly reconnectsAfterBusy: boolean;
}

const cachedStatements = 256;
const noParameters: readonly SqlValue[] = [];

/** A driver on a native connection. The registry decides who may have one; use `openDriver` instead. */
export function createDriverCore(options: DriverCoreOptions): Driver {
  const { engine, path } = options;
  let connection: NativeConnection | undefined = guard(() => options.connect());
  let generation = 0;
  let isPoisoned = false;
  let isClosed = false;
  let savepoints = 0;
  const statements = new Map<string, Statement>();
  const committedStatements = new Map<string, Statement>();
  const listeners = new Set<() => void>();

  function guard<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw storageError(error, path);
    }
  }

  /** As `guard`, for what may leave an unfinished statement behind. */
  function step<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      const translated = storageError(error, path);
      if (options.reconnectsAfterBusy && translated.code === "busy") isPoisoned = true;
      throw translated;
    }
  }

  /** The connection, opened anew if a conflict has spoiled it: it would answer "ok" to writes that never reach the file. */
  function use(): NativeConnection {
    if (isClosed) throw closedError(path);
    if (connection !== undefined && (!isPoisoned || connection.inTransaction || path === ":memory:")) return connection;
    // Closed before the next is opened; when that fails (the lock is still held) the next use tries again.
    connection?.close();
    connection = undefined;
    connection = guard(() => options.connect());
    generation++;
    isPoisoned = false;
    return connection;
  }

  function committed(): void {
    for (const listener of [...listeners]) {
      try {
        listener();
      } catch (error) {
        process.emitWarning(`a commit listener of ${path} threw: ${String(error)}`, "CuittyWarning");
      }
    }
  }

  function rollBack(native: NativeConnection): void {
    // SQLite has rolled back by itself after some errors (full disk, I/O).
    if (native.inTransaction) guard(() => native.execute("ROLLBACK"));
  }

  /** BEGIN by `execute` never spoils the connection when the lock is taken; a prepared write outside a transaction does (libsql-client-ts #352). */
  function autocommit<T>(body: () => T): T {
    const native = use();
    if (native.inTransaction) return step(body);
    const result = options.wrapsAutocommit ? inImmediate(native, () => step(body)) : step(body);
    committed();
    return result;
  }

  function inImmediate<T>(native: NativeConnection, body: () => T): T {
    guard(() => native.execute("BEGIN IMMEDIATE"));
    try {
      const result = body();
      step(() => native.execute("COMMIT"));
      return result;
    } catch (error) {
      rollBack(native);
      throw error;
    }
  }

  function execOne(sql: string): void {
    const native = use();
    const { kind, verb } = describeSql(sql);
    const wasInside = native.inTransaction;
    if (verb === "COMMIT" || verb === "END") commit(native, sql);
    else guard(() => native.execute(sql));
    const ended = wasInside && !native.inTransaction && verb !== "ROLLBACK";
    if (ended || (kind === "write" && !wasInside)) committed();
  }

  /** A COMMIT that met an unfinished statement would keep the lock for ever; one that broke a deferred rule stays open, as in SQLite. */
  function commit(native: NativeConnection, sql: string): void {
    try {
      step(() => native.execute(sql));
    } catch (error) {
      if (isCuittyError(error, "busy")) rollBack(native);
      throw error;
    }
  }

  function transaction<T>(body: () => T): T {
    const native = use();
    if (native.inTransaction) return savepoint(native, body);
    const result = inImmediate(native, () => refusePromise(body()));
    committed();
    return result;
  }

  function savepoint<T>(native: NativeConnection, body: () => T): T {
    const name = `cuitty_${++savepoints}`;
    guard(() => native.execute(`SAVEPOINT ${name}`));
    try {
      const result = refusePromise(body());
      guard(() => native.execute(`RELEASE ${name}`));
      return result;
    } catch (error) {
      if (native.inTransaction) {
        guard(() => native.execute(`ROLLBACK TO ${name}`));
        guard(() => native.execute(`RELEASE ${name}`));
      }
      throw error;
    }
  }

  function createStatement(sql: string, isCommitted: boolean): Statement {
    const info = describeSql(sql);
    if (info.verb === "") throw new CuittyError("sql", "expected one SQL statement, got none");
    if (info.next !== -1) throw new CuittyError("sql", "expected one SQL statement, got several; use exec for a script");
    if (isCommitted && info.kind !== "read") throw new CuittyError("sql", "expected a reading statement, got one that may write");
    const make = (open: NativeConnection) => (isCommitted ? open.prepareCommitted?.(sql, info) : undefined) ?? open.prepare(sql, info);
    let native = guard(() => make(use()));
    let madeAt = generation;
    const current = (): NativeStatement => {
      const open = use();
      if (madeAt !== generation) {
        native = guard(() => make(open));
        madeAt = generation;
      }
      return native;
    };
    const call = <T>(params: readonly SqlValue[], body: (statement: NativeStatement) => T): T => {
      const statement = current();
      if (params.length !== info.parameterCount) throw wrongParameterCount(info.parameterCount, params.length);
      if (info.kind === "write") return autocommit(() => body(statement));
      if (info.kind !== "control") return step(() => body(statement));
      execOne(sql);
      return body(emptyStatement);
    };
    return {
      sql,
      get columns() {
        return current().columns();
      },
      run: (params = noParameters) => call(params, (statement) => statement.run(params)),
      all: (params = noParameters) => call(params, (statement) => statement.all(params)),
      get: (params = noParameters) => call(params, (statement) => statement.get(params)),
    };
  }

  function prepare(sql: string, isCommitted = false): Statement {
    const cache = isCommitted ? committedStatements : statements;
    const known = cache.get(sql);
    if (known !== undefined) {
      use();
      return known;
    }
    const statement = createStatement(sql, isCommitted);
    if (cache.size >= cachedStatements) cache.delete(cache.keys().next().value as string);
    cache.set(sql, statement);
    return statement;
  }

  const sqliteVersion = String(prepare("SELECT sqlite_version()").get()?.[0]);

  return {
    engine,
    path,
    sqliteVersion,
    get inTransaction() {
      return connection?.inTransaction ?? false;
    },
    prepare: (sql) => prepare(sql),
    prepareCommitted: (sql) => prepare(sql, true),
    exec(sql) {
      use();
      for (const statement of splitStatements(sql)) execOne(statement);
    },
    transaction,
    onCommit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      const native = connection;
      if (native === undefined) return;
      try {
        rollBack(native);
        if (!isPoisoned && path !== ":memory:") native.prepare(checkpoint, describeSql(checkpoint)).all([]);
      } catch (error) {
        // reason: another process reads or writes; the rows stay in the WAL, which is durable
        if (!isCuittyError(storageError(error, path))) throw error;
      } finally {
        connection = undefined;
        statements.clear();
        committedStatements.clear();
        listeners.clear();
        native.close();
      }
    },
  };
}

const checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
const emptyStatement: NativeStatement = {
  columns: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  all: () => [],
  get: () => undefined,
};

function refusePromise<T>(result: T): T {
  if (typeof (result as { then?: unknown } | null)?.then === "function") {
    throw new CuittyError("async_transaction", "the body of a transaction must not be async: another call could write between its awaits");
  }
  return result;
}
