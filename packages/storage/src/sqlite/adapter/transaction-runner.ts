// Begin, commit, roll back: for synchronous and asynchronous callbacks, at the top and nested as savepoints.
import type { Driver } from "../../engine/driver.ts";
import type { TransactionToken, WriterGate } from "./writer-gate.ts";

export type TransactionBehavior = "deferred" | "immediate" | "exclusive";

export interface TransactionScope {
  readonly driver: Driver;
  readonly gate: WriterGate;
  readonly behavior: TransactionBehavior;
}

/**
 * Runs `body` in a transaction. When it returns a promise the transaction stays open, and the writer taken, until that settles.
 * Inside another open transaction of this driver it becomes a savepoint.
 */
export function runTransaction<T>(scope: TransactionScope, body: (token: TransactionToken) => T): T {
  const { driver, gate } = scope;
  const token: TransactionToken = { isOpen: true };
  if (driver.inTransaction) return runSavepoint(driver, "sp_joined", () => body(token));
  driver.exec(`BEGIN ${scope.behavior.toUpperCase()}`);
  let result: T;
  try {
    result = body(token);
  } catch (error) {
    token.isOpen = false;
    rollback(driver);
    throw error;
  }
  if (!isThenable(result)) {
    token.isOpen = false;
    commit(driver);
    return result;
  }
  gate.own(token);
  return settle(scope, token, result) as T;
}

async function settle<T>(scope: TransactionScope, token: TransactionToken, result: PromiseLike<T>): Promise<T> {
  const { driver, gate } = scope;
  try {
    const value = await result;
    token.isOpen = false;
    commit(driver);
    return value;
  } catch (error) {
    rollback(driver);
    throw error;
  } finally {
    gate.release(token);
  }
}

/** Runs `body` between SAVEPOINT and RELEASE; an error takes back only what it did. */
export function runSavepoint<T>(driver: Driver, name: string, body: () => T): T {
  driver.exec(`SAVEPOINT ${name}`);
  let result: T;
  try {
    result = body();
  } catch (error) {
    undoSavepoint(driver, name);
    throw error;
  }
  if (!isThenable(result)) {
    driver.exec(`RELEASE ${name}`);
    return result;
  }
  return settleSavepoint(driver, name, result) as T;
}

async function settleSavepoint<T>(driver: Driver, name: string, result: PromiseLike<T>): Promise<T> {
  try {
    const value = await result;
    driver.exec(`RELEASE ${name}`);
    return value;
  } catch (error) {
    undoSavepoint(driver, name);
    throw error;
  }
}

function commit(driver: Driver): void {
  try {
    driver.exec("COMMIT");
  } catch (error) {
    // A failed deferred foreign key leaves the transaction open, a full disk has already ended it.
    rollback(driver);
    throw error;
  }
}

function rollback(driver: Driver): void {
  if (driver.inTransaction) driver.exec("ROLLBACK");
}

function undoSavepoint(driver: Driver, name: string): void {
  // SQLite itself rolls everything back on a full disk or an I/O error; then there is no savepoint left.
  if (!driver.inTransaction) return;
  driver.exec(`ROLLBACK TO ${name}`);
  driver.exec(`RELEASE ${name}`);
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

/** An `async` function is known to return a promise before it is called; of any other it shows only afterwards. */
export function isAsyncFunction(body: unknown): boolean {
  return Object.prototype.toString.call(body) === "[object AsyncFunction]";
}
