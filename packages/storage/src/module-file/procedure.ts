// Work inside a write's transaction, as a function that only its own thread can run, or as a procedure that a storage thread knows by name.
import type { IngestWrite, WriteCounts, WriteTransaction } from "./types.ts";
import { assertSynchronous } from "./write-transaction.ts";

/** A function for `IngestWrite.interactive` that may run in another thread: it depends on its arguments alone, and they can be cloned. */
export interface Procedure<Args> {
  /** Unique in the app, such as `audit.append`. */
  readonly name: string;
  readonly run: (tx: WriteTransaction, args: Args) => WriteCounts;
}

/** A procedure with what it is to be run on. */
export interface ProcedureCall {
  // biome-ignore lint/suspicious/noExplicitAny: reason: calls of procedures with all kinds of arguments stand in one list.
  readonly procedure: Procedure<any>;
  readonly args: unknown;
}

/** @example const call = callProcedure(appendEntries, { projectId, entries }); */
export function callProcedure<Args>(procedure: Procedure<Args>, args: Args): ProcedureCall {
  return { procedure, args };
}

/** Runs what a request wants done between its inbox row and its statements. */
export function runInteractive(tx: WriteTransaction, interactive: IngestWrite["interactive"]): WriteCounts {
  if (interactive === undefined) return { inserted: 0, duplicate: 0 };
  const counts = typeof interactive === "function" ? interactive(tx) : interactive.procedure.run(tx, interactive.args);
  return assertSynchronous(counts);
}
