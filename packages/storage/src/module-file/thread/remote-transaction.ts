// A transaction's statements, sent over the bridge one by one while this thread waits.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { SqlRow } from "../../engine/driver.ts";
import type { WriteTransaction } from "../types.ts";
import { assertSynchronous } from "../write-transaction.ts";
import type { Bridge } from "./bridge.ts";
import { exactValues, fromPlainError, type TransactionAnswer, type TransactionCommand, withBuffers } from "./messages.ts";

/** Longer than any statement of a transaction should take: a thread that has died does not answer at all. */
const answerTimeoutMs = 600_000;

/** Runs `body` while the other side serves its statements; tells it how the body ended. */
export function runOverBridge<T>(bridge: Bridge, body: (tx: WriteTransaction) => T): T {
  let isOver = false;
  const ask = (command: TransactionCommand): unknown => {
    // Nobody would answer any more.
    if (isOver) throw new CuittyError("closed", "the transaction is over; use it inside its body only");
    bridge.send(command);
    const answer = bridge.receive(answerTimeoutMs) as TransactionAnswer;
    if ("error" in answer) throw fromPlainError(answer.error);
    return answer.value;
  };
  let isDone = false;
  try {
    const result = assertSynchronous(body(transactionOver(ask)));
    isDone = true;
    return result;
  } finally {
    isOver = true;
    bridge.send({ op: isDone ? "commit" : "abort" } satisfies TransactionCommand);
  }
}

function transactionOver(ask: (command: TransactionCommand) => unknown): WriteTransaction {
  return {
    all: (sql, params) => withBuffers(ask({ op: "all", sql, params: params && exactValues(params) }) as SqlRow[]),
    run: (sql, params) => ask({ op: "run", sql, params: params && exactValues(params) }) as number,
    insert: (insert) => ask({ op: "insert", insert: { ...insert, rows: insert.rows.map(exactValues) } }) as number,
  };
}
