// What a module may do inside the group's open transaction.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Driver } from "../engine/driver.ts";
import { describeSql } from "../engine/sql-text.ts";
import type { InsertChunk } from "./row-insert.ts";
import type { RowInsert, WriteTransaction } from "./types.ts";

/** By its first word, or unknown: a comment or a semicolon may stand before that. */
const mayBeForbidden = /^\s*(?:begin|commit|end|rollback|savepoint|release|attach|detach|vacuum|;|--|\/\*)/i;
const forbidden = new Set(["BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "ATTACH", "DETACH", "VACUUM"]);

/** Ending or nesting the group's transaction would tear its neighbours apart; the other commands cannot run inside one. Errors: `sql`. */
export function assertInside(sql: string): void {
  if (!mayBeForbidden.test(sql) || !forbidden.has(describeSql(sql).verb)) return;
  throw new CuittyError(
    "sql",
    "expected a statement that may stand inside a transaction, got one that moves it; the writer begins and commits",
  );
}

/** A transaction over the driver's open one. */
export function createWriteTransaction(driver: Driver, plan: (insert: RowInsert) => InsertChunk[]): WriteTransaction {
  const prepare = (sql: string) => {
    assertInside(sql);
    return driver.prepare(sql);
  };
  return {
    all: (sql, params) => prepare(sql).all(params),
    run: (sql, params) => prepare(sql).run(params).changes,
    insert(insert) {
      let inserted = 0;
      for (const chunk of plan(insert)) inserted += driver.prepare(chunk.sql).run(chunk.params).changes;
      return inserted;
    },
  };
}

/** Refuses a body that goes on after it has returned. */
export function assertSynchronous<T>(result: T): T {
  if (typeof (result as { then?: unknown } | null)?.then !== "function") return result;
  throw new CuittyError("async_transaction", "the body of a transaction must not be async: other writes would come between its awaits");
}
