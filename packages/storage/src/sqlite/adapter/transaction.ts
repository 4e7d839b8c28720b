// The transaction object of Drizzle callbacks: nested transactions are savepoints, events go out with the commit.
import { entityKind } from "drizzle-orm";
import type { TablesRelationalConfig } from "drizzle-orm/relations";
import type { ClientTransaction, ObjectRow } from "../../engine/open.ts";
import { SQLiteTransaction } from "./drizzle-internals.ts";
import { rowToObject } from "./row-mapper.ts";
import type { RunResult } from "./run-result.ts";
import type { HonkerSession } from "./session.ts";
import { isAsyncFunction, isThenable, runSavepoint } from "./transaction-runner.ts";
import { writerBusy } from "./writer-gate.ts";

type FullSchema = Record<string, unknown>;

/** The `tx` of a transaction callback. Nested transactions are savepoints. */
export class HonkerTransaction<TFull extends FullSchema, TSchema extends TablesRelationalConfig> extends SQLiteTransaction<
  "sync",
  RunResult,
  TFull,
  TSchema
> {
  static override readonly [entityKind]: string = "HonkerTransaction";
  readonly #session: HonkerSession<TFull, TSchema>;
  /** The nested asynchronous transaction that is open now. */
  #nested: PromiseLike<unknown> | undefined;

  constructor(session: HonkerSession<TFull, TSchema>, nestedIndex = 0) {
    super("sync", session.core.dialect, session, session.core.schema, nestedIndex);
    this.#session = session;
  }

  /** The transaction without Drizzle: plain SQL, and events that are sent if, and only if, it commits. */
  get $honkerTx(): ClientTransaction {
    const session = this.#session;
    const { notifier } = session.core;
    return {
      notify: (channel, payload) => session.useTransaction(() => notifier.notify(channel, payload)),
      execute: (text, params) => session.useStatement(text, (statement) => statement.run(params)),
      query: (text, params) =>
        session.useStatement(text, (statement) => {
          const rows = statement.all(params);
          const { columns } = statement;
          return rows.map((row) => rowToObject(columns, row));
        }) as ObjectRow[],
    };
  }

  override transaction<T>(body: (tx: HonkerTransaction<TFull, TSchema>) => T): T {
    if (this.#nested !== undefined) {
      if (!isAsyncFunction(body)) throw writerBusy("Await the nested transaction first.");
      const again = () => this.transaction(body);
      return this.#nested.then(again, again) as T;
    }
    const tx = new HonkerTransaction<TFull, TSchema>(this.#session, this.nestedIndex + 1);
    const result = runSavepoint(this.#session.core.driver, `sp${this.nestedIndex}`, () => body(tx));
    if (isThenable(result)) this.#track(result);
    return result;
  }

  #track(result: PromiseLike<unknown>): void {
    const done = () => {
      if (this.#nested === result) this.#nested = undefined;
    };
    this.#nested = result;
    result.then(done, done);
  }
}
