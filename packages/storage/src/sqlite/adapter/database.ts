// The database object: Drizzle's, plus batches, queued transactions and the client it stands on.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { type ExtractTablesWithRelations, entityKind, type WithSubquery } from "drizzle-orm";
import type { BatchItem, BatchResponse } from "drizzle-orm/batch";
import type {
  BaseSQLiteDatabase as BaseDatabase,
  SQLiteInsertBuilder,
  SQLiteTable,
  SQLiteTransactionConfig,
  SQLiteUpdateBuilder,
} from "drizzle-orm/sqlite-core";
import { HonkerInsertBuilder, HonkerUpdateBuilder } from "./builders.ts";
import { BaseSQLiteDatabase } from "./drizzle-internals.ts";
import type { RunResult } from "./run-result.ts";
import type { HonkerSession } from "./session.ts";
import type { HonkerTransaction } from "./transaction.ts";

type FullSchema = Record<string, unknown>;
type Tx<T extends FullSchema> = HonkerTransaction<T, ExtractTablesWithRelations<T>>;

/**
 * A synchronous Drizzle database: `.all()`, `.get()`, `.run()` and `.values()` answer at once, and every query can be awaited too.
 * A transaction whose callback returns a promise keeps the writer until it settles: awaited writers wait, synchronous ones get `writer_busy`.
 */
export class HonkerDatabase<TFull extends FullSchema = Record<string, never>, TClient = unknown> extends BaseSQLiteDatabase<
  "sync",
  RunResult,
  TFull
> {
  static override readonly [entityKind]: string = "HonkerDatabase";
  /** What the database was made from: `notify`, `listen`, `query`, `close`. */
  readonly $client: TClient;
  /** @internal Read by Drizzle's migrator, too. */
  readonly session: HonkerSession<TFull, ExtractTablesWithRelations<TFull>>;

  constructor(session: HonkerSession<TFull, ExtractTablesWithRelations<TFull>>, client: TClient) {
    super("sync", session.core.dialect, session, session.core.schema);
    this.session = session;
    this.$client = client;
  }

  override insert<TTable extends SQLiteTable>(table: TTable): SQLiteInsertBuilder<TTable, "sync", RunResult> {
    return new HonkerInsertBuilder(table, this.session, this.session.core.dialect);
  }

  override update<TTable extends SQLiteTable>(table: TTable): SQLiteUpdateBuilder<TTable, "sync", RunResult> {
    return new HonkerUpdateBuilder(table, this.session, this.session.core.dialect);
  }

  override with(...queries: WithSubquery[]): ReturnType<BaseDatabase<"sync", RunResult, TFull>["with"]> {
    const { session } = this;
    return {
      ...super.with(...queries),
      insert: (table) => new HonkerInsertBuilder(table, session, session.core.dialect, queries),
      update: (table) => new HonkerUpdateBuilder(table, session, session.core.dialect, queries),
    };
  }

  override transaction<T>(body: (tx: Tx<TFull>) => T, config?: SQLiteTransactionConfig): T {
    return this.session.transaction(body, config);
  }

  /** As `transaction`, but waits for its turn when another one is open, and always returns a promise. */
  transactionAsync<T>(body: (tx: Tx<TFull>) => T, config?: SQLiteTransactionConfig): Promise<Awaited<T>> {
    return this.session.transactionAsync(body, config);
  }

  /**
   * Runs the queries in order in one transaction and returns their results in order.
   * Give it builders: `db.run(sql)` and its like answer at once here. Raw reads are repeated in their place, the result of a raw write is passed through.
   */
  async batch<U extends BatchItem<"sqlite">, T extends Readonly<[U, ...U[]]>>(queries: T): Promise<BatchResponse<T>> {
    if (!Array.isArray(queries))
      throw new CuittyError("invalid_argument", "Expected an array of queries, got something else. Pass `[query, …]`.");
    return (await this.transactionAsync(() => queries.map((item) => this.session.runBatchItem(item)))) as BatchResponse<T>;
  }
}
