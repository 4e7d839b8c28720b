// The driver that a client hands out: while somebody's asynchronous transaction is open, a write through it would become part of that, and be lost with it.
import { type WriterGate, writerBusy } from "../sqlite/adapter/writer-gate.ts";
import type { Driver, Statement } from "./driver.ts";
import { describeSql, splitStatements } from "./sql-text.ts";

const raws = new WeakMap<Driver, Driver>();

/** The driver under a guarded one; any other is itself. Whoever owns the open transaction writes through it. */
export const rawDriver = (driver: Driver): Driver => raws.get(driver) ?? driver;

/** As `driver`, but what may write is refused while `gate` has an owner. Errors: those of Driver, `writer_busy`. */
export function guardDriver(driver: Driver, gate: WriterGate): Driver {
  const refuse = (sql: string): void => {
    if (splitStatements(sql).every((statement) => describeSql(statement).kind === "read")) return;
    throw writerBusy("Use the transaction's own `tx`, or wait for it to end.");
  };
  const guarded: Driver = {
    engine: driver.engine,
    path: driver.path,
    sqliteVersion: driver.sqliteVersion,
    get inTransaction() {
      return driver.inTransaction;
    },
    prepare: (sql) => guardStatement(driver.prepare(sql), gate, refuse),
    prepareCommitted: driver.prepareCommitted,
    exec(sql) {
      if (gate.owner !== undefined) refuse(sql);
      driver.exec(sql);
    },
    transaction(body) {
      if (gate.owner !== undefined) throw writerBusy("Use an async transaction of the client, which waits for its turn.");
      return driver.transaction(body);
    },
    onCommit: driver.onCommit,
    close: driver.close,
  };
  raws.set(guarded, driver);
  return guarded;
}

function guardStatement(statement: Statement, gate: WriterGate, refuse: (sql: string) => void): Statement {
  return {
    sql: statement.sql,
    kind: statement.kind,
    get columns() {
      return statement.columns;
    },
    run(params) {
      if (gate.owner !== undefined) refuse(statement.sql);
      return statement.run(params);
    },
    all(params) {
      if (gate.owner !== undefined) refuse(statement.sql);
      return statement.all(params);
    },
    get(params) {
      if (gate.owner !== undefined) refuse(statement.sql);
      return statement.get(params);
    },
  };
}
