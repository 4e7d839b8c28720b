// What every engine has in common: a driver with cached statements on one held connection.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import {
  type ConnectionHolder,
  type ConnectionOptions,
  holdConnection,
  type NativeConnection,
  type NativeStatement,
} from "./connection-holder.ts";
import type { Driver, EngineName, SqlValue, Statement } from "./driver.ts";
import { wrongParameterCount } from "./parameters.ts";
import { describeSql, splitStatements } from "./sql-text.ts";
import { createTransactionControl, type TransactionControl } from "./transaction-control.ts";

export interface DriverCoreOptions extends ConnectionOptions {
  readonly engine: EngineName;
  /** See `createTransactionControl`. */
  readonly wrapsAutocommit: boolean;
}

const cachedStatements = 256;
const checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
/** What may give a cached statement other columns. An engine notices a new number of them, not new names. */
const changesSchema = /\b(?:alter|create|drop)\b/i;
const noParameters: readonly SqlValue[] = [];
const emptyStatement: NativeStatement = {
  columns: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  all: () => [],
  get: () => undefined,
};

/** A driver on a native connection. The registry decides who may have one; use `openLibsql` or `openHonker` instead. */
export function createDriverCore(options: DriverCoreOptions): Driver {
  const { engine, path } = options;
  const holder = holdConnection(options);
  const control = createTransactionControl(holder, options.wrapsAutocommit);
  const forget = () => {
    statements.clear();
    committed.clear();
  };
  const statements = createStatementCache((sql) => createStatement({ holder, control, forget }, sql, false));
  const committed = createStatementCache((sql) => createStatement({ holder, control, forget }, sql, true));

  function close(): void {
    const native = holder.end();
    if (native === undefined) return;
    forget();
    try {
      control.rollBack(native);
      if (holder.isSound && path !== ":memory:") native.prepare(checkpoint, describeSql(checkpoint)).all([]);
    } catch {
      // reason: another process reads or writes, or the disk is full; the rows stay in the WAL, which is durable
    } finally {
      native.close();
    }
  }

  return {
    engine,
    path,
    sqliteVersion: versionOf(statements, close),
    get inTransaction() {
      return holder.inTransaction;
    },
    prepare(sql) {
      holder.use();
      return statements.get(sql);
    },
    prepareCommitted(sql) {
      holder.use();
      return committed.get(sql);
    },
    exec(sql) {
      holder.use();
      try {
        for (const statement of splitStatements(sql)) control.execute(statement);
      } finally {
        if (changesSchema.test(sql)) forget();
      }
    },
    transaction: control.transaction,
    onCommit: control.onCommit,
    close,
  };
}

/** The first read: it tells a file that is no database, which must then not stay open. */
function versionOf(statements: StatementCache, close: () => void): string {
  try {
    return String(statements.get("SELECT sqlite_version() FROM (SELECT count(*) FROM sqlite_master)").get()?.[0]);
  } catch (error) {
    close();
    throw error;
  }
}

interface StatementCache {
  get(sql: string): Statement;
  clear(): void;
}

/** Statements by text, the oldest making room. */
function createStatementCache(make: (sql: string) => Statement): StatementCache {
  const statements = new Map<string, Statement>();
  return {
    get(sql) {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      const statement = make(sql);
      if (statements.size >= cachedStatements) statements.delete(statements.keys().next().value as string);
      statements.set(sql, statement);
      return statement;
    },
    clear: () => statements.clear(),
  };
}

interface StatementHost {
  readonly holder: ConnectionHolder;
  readonly control: TransactionControl;
  /** Drops the cached statements. */
  readonly forget: () => void;
}

function createStatement({ holder, control, forget }: StatementHost, sql: string, isCommitted: boolean): Statement {
  const info = describeSql(sql);
  if (info.verb === "") throw new CuittyError("sql", "expected one SQL statement, got none");
  if (info.next !== -1) throw new CuittyError("sql", "expected one SQL statement, got several; use exec for a script");
  if (isCommitted && info.kind !== "read") throw new CuittyError("sql", "expected a reading statement, got one that may write");
  const make = (open: NativeConnection) => (isCommitted ? open.prepareCommitted?.(sql, info) : undefined) ?? open.prepare(sql, info);
  const isSchemaChange = changesSchema.test(info.verb);
  let native = holder.guard(() => make(holder.use()));
  let madeAt = holder.generation;

  function current(): NativeStatement {
    const open = holder.use();
    if (madeAt !== holder.generation) {
      native = holder.guard(() => make(open));
      madeAt = holder.generation;
    }
    return native;
  }
  function call<T>(params: readonly SqlValue[], body: (statement: NativeStatement) => T): T {
    const statement = current();
    if (params.length !== info.parameterCount) throw wrongParameterCount(info.parameterCount, params.length);
    if (info.kind === "write") {
      const result = control.autocommit(() => body(statement));
      if (isSchemaChange) forget();
      return result;
    }
    if (info.kind !== "control") return holder.step(() => body(statement));
    control.execute(sql);
    return body(emptyStatement);
  }
  return {
    sql,
    kind: info.kind,
    get columns() {
      return holder.guard(() => current().columns());
    },
    run: (params = noParameters) => call(params, (statement) => statement.run(params)),
    all: (params = noParameters) => call(params, (statement) => statement.all(params)),
    get: (params = noParameters) => call(params, (statement) => statement.get(params)),
  };
}
