// Runs a synchronous transaction body over a network: it is run again from the start each time an answer it asked for has arrived.
import type { SqlRow, SqlValue } from "../engine/driver.ts";
import type { RemoteDatabase, RemoteResult, RemoteStatement } from "./remote-client.ts";
import { createInsertPlanner } from "./row-insert.ts";
import type { WriteTransaction } from "./types.ts";
import { assertInside, assertSynchronous } from "./write-transaction.ts";

/** Thrown through the body to stop it where an answer is missing. */
class AnswerMissing extends Error {}

/**
 * Runs `body` until every statement it sends has its answer, then resolves with its result. Each statement is sent once, in order.
 * A body has no effect outside its transaction (the same rule as for groups that are retried), so running it again is not seen.
 */
export async function runReplayed<T>(execute: RemoteDatabase["execute"], body: (tx: WriteTransaction) => T): Promise<T> {
  const answers: RemoteResult[] = [];
  for (;;) {
    let position = 0;
    let missing: RemoteStatement | undefined;
    const ask = (sql: string, params: readonly SqlValue[] = []): RemoteResult => {
      const known = missing === undefined ? answers[position] : undefined;
      position++;
      if (known !== undefined) return known;
      missing ??= { sql, params };
      throw new AnswerMissing("an answer has to be fetched first");
    };
    let result: T | undefined;
    try {
      result = assertSynchronous(body(transactionOver(ask)));
    } catch (error) {
      if (missing === undefined) throw error;
    }
    // Also when the body has caught what was thrown to stop it.
    if (missing === undefined) return result as T;
    answers.push(await execute(missing));
  }
}

function transactionOver(ask: (sql: string, params?: readonly SqlValue[]) => RemoteResult): WriteTransaction {
  const plan = createInsertPlanner();
  return {
    all(sql, params): SqlRow[] {
      assertInside(sql);
      return ask(sql, params).rows;
    },
    run(sql, params) {
      assertInside(sql);
      return ask(sql, params).changes;
    },
    insert: (insert) => plan(insert).reduce((sum, chunk) => sum + ask(chunk.sql, chunk.params).changes, 0),
  };
}
