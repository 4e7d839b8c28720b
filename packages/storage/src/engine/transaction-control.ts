// Begins, commits and rolls back on one connection, and says when a commit has reached the file.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { ConnectionHolder, NativeConnection } from "./connection-holder.ts";
import { describeSql } from "./sql-text.ts";

export interface TransactionControl {
  /** Runs a writing statement: by itself when no transaction is open, as part of it else. */
  autocommit<T>(body: () => T): T;
  /** Runs one statement without parameters, transaction control included. */
  execute(sql: string): void;
  transaction<T>(body: () => T): T;
  onCommit(listener: () => void): () => void;
  /** Rolls back what is open on a connection. */
  rollBack(native: NativeConnection): void;
}

/**
 * @param wrapsAutocommit whether a writing statement must stand between BEGIN IMMEDIATE and COMMIT of ours. With libSQL it must: a BEGIN by `execute`
 * never spoils the connection when the lock is taken, a prepared write outside a transaction does (libsql-client-ts #352).
 */
export function createTransactionControl(holder: ConnectionHolder, wrapsAutocommit: boolean): TransactionControl {
  const { guard, step, use } = holder;
  const listeners = new Set<() => void>();
  let savepoints = 0;

  function committed(): void {
    if (listeners.size === 0) return;
    for (const listener of [...listeners]) {
      try {
        listener();
      } catch (error) {
        process.emitWarning(`a commit listener of ${holder.path} threw: ${String(error)}`, "CuittyWarning");
      }
    }
  }

  function rollBack(native: NativeConnection): void {
    // SQLite has rolled back by itself after some errors (full disk, I/O).
    if (native.inTransaction) guard(() => native.execute("ROLLBACK"));
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

  /** A COMMIT that met an unfinished statement would keep the lock for ever; one that broke a deferred rule stays open, as in SQLite. */
  function commit(native: NativeConnection, sql: string): void {
    try {
      step(() => native.execute(sql));
    } catch (error) {
      if (isCuittyError(error, "busy")) rollBack(native);
      throw error;
    }
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

  return {
    rollBack,
    autocommit(body) {
      const native = use();
      if (native.inTransaction) return step(body);
      const result = wrapsAutocommit ? inImmediate(native, () => step(body)) : step(body);
      committed();
      return result;
    },
    execute(sql) {
      const native = use();
      const { kind, verb } = describeSql(sql);
      const wasInside = native.inTransaction;
      if (verb === "COMMIT" || verb === "END") commit(native, sql);
      else guard(() => native.execute(sql));
      const hasEnded = wasInside && !native.inTransaction && verb !== "ROLLBACK";
      if (hasEnded || (kind === "write" && !wasInside)) committed();
    },
    transaction(body) {
      const native = use();
      if (native.inTransaction) return savepoint(native, body);
      const result = inImmediate(native, () => refusePromise(body()));
      committed();
      return result;
    },
    onCommit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** What a body that has to be synchronous returned. Errors: `async_transaction` for a promise, or for a query that was not run. */
export function refusePromise<T>(result: T): T {
  if (typeof (result as { then?: unknown } | null)?.then === "function") {
    // It is refused here and now; that it also rejects later must not end the process. Another thenable may be a query, which `then` would run.
    if (result instanceof Promise) result.catch(() => undefined);
    throw new CuittyError("async_transaction", "the body of a transaction must not be async: another call could write between its awaits");
  }
  return result;
}
