// The Drizzle session on one driver: statements, savepoints, and who may use the writer.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { entityKind, type Logger, NoopLogger, type Query, type SQL } from "drizzle-orm";
import type { RelationalSchemaConfig, TablesRelationalConfig } from "drizzle-orm/relations";
import { type SelectedFieldsOrdered, type SQLiteExecuteMethod, SQLiteSession, type SQLiteTransactionConfig } from "drizzle-orm/sqlite-core";
import type { Driver, Statement } from "../../engine/driver.ts";
import type { Notifier } from "../../engine/notifications.ts";
import { describeSql } from "../../engine/sql-text.ts";
import type { HonkerDialect } from "./dialect.ts";
import { HonkerPreparedQuery, type QueryHost } from "./prepared-query.ts";
import { createBatchResult, isRunResult, type RunResult } from "./run-result.ts";
import { HonkerTransaction } from "./transaction.ts";
import { isAsyncFunction, runTransaction } from "./transaction-runner.ts";
import { type TransactionToken, type WriterGate, writerBusy } from "./writer-gate.ts";

/** A raw query that answered, and how to run it again. */
export interface RawRead {
  readonly query: SQL;
  readonly read: () => unknown;
}

/** What all sessions of one database object share. */
export interface SessionCore<TSchema extends TablesRelationalConfig> {
  readonly driver: Driver;
  readonly gate: WriterGate;
  readonly dialect: HonkerDialect;
  readonly schema: RelationalSchemaConfig<TSchema> | undefined;
  readonly logger: Logger | undefined;
  readonly notifier: Notifier;
  /** How to repeat a raw read, by its result. `db.all(sql)` answers at once, long before a batch that lists it begins. */
  readonly rawReads: WeakMap<object, RawRead>;
}

type FullSchema = Record<string, unknown>;
type ResultMapper = (rows: unknown[][], mapColumnValue?: (value: unknown) => unknown) => unknown;

/** A session of the file itself, or, with a token, of one open transaction. */
export class HonkerSession<TFull extends FullSchema, TSchema extends TablesRelationalConfig>
  extends SQLiteSession<"sync", RunResult, TFull, TSchema>
  implements QueryHost
{
  static override readonly [entityKind]: string = "HonkerSession";
  readonly core: SessionCore<TSchema>;
  readonly logger: Logger;
  readonly #token: TransactionToken | undefined;

  constructor(core: SessionCore<TSchema>, token?: TransactionToken) {
    super(core.dialect);
    this.core = core;
    this.logger = core.logger ?? new NoopLogger();
    this.#token = token;
  }

  /** True while another caller's asynchronous transaction is open. */
  get isBlocked(): boolean {
    return this.#token === undefined && this.core.gate.owner !== undefined;
  }

  override prepareQuery(
    query: Query,
    fields: SelectedFieldsOrdered | undefined,
    executeMethod: SQLiteExecuteMethod,
    isResponseInArrayMode: boolean,
    customResultMapper?: ResultMapper,
  ): HonkerPreparedQuery {
    return new HonkerPreparedQuery(this, { query, fields, executeMethod, isResponseInArrayMode, customResultMapper });
  }

  /** Runs `body` unless this session's transaction has ended. */
  useTransaction<T>(body: () => T): T {
    if (this.#token?.isOpen === false) throw transactionEnded();
    return body();
  }

  useStatement<T>(sql: string, body: (statement: Statement) => T): T {
    const { driver } = this.core;
    if (this.#token !== undefined) return this.useTransaction(() => body(driver.prepare(sql)));
    if (!this.isBlocked) return body(driver.prepare(sql));
    if (!isRead(sql)) throw writerBusy("Await this query, or use the transaction's `tx`.");
    return body(driver.prepareCommitted(sql));
  }

  async enqueue<T>(sql: string, body: () => T): Promise<T> {
    return this.isBlocked && !isRead(sql) ? this.core.gate.enqueue(body) : body();
  }

  override run(query: SQL): RunResult {
    try {
      return super.run(query);
    } catch (error) {
      throw withCode(error);
    }
  }

  override all<T = unknown>(query: SQL): T[] {
    return this.#remember(query, () => super.all<T>(query));
  }

  override get<T = unknown>(query: SQL): T {
    return this.#remember(query, () => super.get<T>(query));
  }

  // biome-ignore lint/suspicious/noExplicitAny: reason: the bound is Drizzle's.
  override values<T extends any[] = unknown[]>(query: SQL): T[] {
    return this.#remember(query, () => super.values<T>(query));
  }

  /** What a batch puts in the place of `item`: a builder is run, a raw read that answered already is read again, all else passes through. */
  runBatchItem(item: unknown): unknown {
    const prepare = (item as { _prepare?: () => HonkerPreparedQuery } | null | undefined)?._prepare;
    if (typeof prepare === "function") return asBatchResult(prepare.call(item).execute().sync());
    const raw = typeof item === "object" && item !== null ? this.core.rawReads.get(item) : undefined;
    const isRepeatable = raw !== undefined && isRead(this.core.dialect.sqlToQuery(raw.query).sql);
    return isRepeatable ? raw.read() : asBatchResult(item);
  }

  #remember<T>(query: SQL, read: () => T): T {
    const result = read();
    if (typeof result === "object" && result !== null) this.core.rawReads.set(result, { query, read });
    return result;
  }

  override transaction<T>(body: (tx: HonkerTransaction<TFull, TSchema>) => T, config: SQLiteTransactionConfig = {}): T {
    const { driver, gate } = this.core;
    const scope = { driver, gate, behavior: config.behavior ?? "immediate" };
    const run = () => runTransaction(scope, (token) => body(new HonkerTransaction(new HonkerSession(this.core, token))));
    if (!this.isBlocked) return run();
    // Only an async function is known to return a promise before it is called; any other would have to run now.
    if (isAsyncFunction(body)) return gate.enqueue(run) as T;
    throw writerBusy("Use `transactionAsync`, which waits for its turn.");
  }

  /** As `transaction`, but always waits for its turn and always returns a promise. */
  transactionAsync<T>(body: (tx: HonkerTransaction<TFull, TSchema>) => T, config: SQLiteTransactionConfig = {}): Promise<Awaited<T>> {
    const { gate } = this.core;
    return gate.enqueue(() => this.transaction(body, config) as Awaited<T>);
  }

  /** Runs what manages transactions by itself, such as migrations. Errors: `writer_busy`. */
  exclusively(body: () => void): void {
    if (this.isBlocked) throw writerBusy("Wait for it to end.");
    body();
  }
}

/** Drizzle wraps what a raw `run` throws; the code stays readable where callers look for it. */
function withCode(error: unknown): unknown {
  const cause = (error as { cause?: unknown }).cause;
  if (!isCuittyError(cause)) return error;
  return Object.assign(error as object, { code: cause.code, retryable: cause.retryable, details: cause.details });
}

function isRead(sql: string): boolean {
  return describeSql(sql).kind === "read";
}

function asBatchResult(result: unknown): unknown {
  return isRunResult(result) ? createBatchResult(result) : result;
}

function transactionEnded(): CuittyError<"transaction_closed"> {
  return new CuittyError(
    "transaction_closed",
    "Expected an open transaction, got one that has ended. Await everything inside the callback, and do not keep its `tx`.",
  );
}
