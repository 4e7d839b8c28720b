// Insert and update builders whose awaited form waits for the writer's turn, where Drizzle's would run at once.
import { entityKind } from "drizzle-orm";
import { SQLiteInsertBuilder, type SQLiteTable, SQLiteUpdateBuilder } from "drizzle-orm/sqlite-core";
import type { RunResult } from "./run-result.ts";

/** What the builders ask their session: `enqueue` runs a write at once or in its turn. */
export interface WriteQueue {
  enqueue<T>(sql: string, body: () => T): Promise<T>;
}

interface Awaitable {
  execute(): Promise<unknown>;
}

/** `db.insert(table)`. */
export class HonkerInsertBuilder<TTable extends SQLiteTable> extends SQLiteInsertBuilder<TTable, "sync", RunResult> {
  static override readonly [entityKind]: string = "HonkerInsertBuilder";

  override values(values: never): never {
    return inTurn(super.values(values), this.session as never as WriteQueue) as never;
  }

  override select(query: never): never {
    return inTurn(super.select(query), this.session as never as WriteQueue) as never;
  }
}

/** `db.update(table)`. */
export class HonkerUpdateBuilder<TTable extends SQLiteTable> extends SQLiteUpdateBuilder<TTable, "sync", RunResult> {
  static override readonly [entityKind]: string = "HonkerUpdateBuilder";

  override set(values: never): never {
    return inTurn(super.set(values), this.session as never as WriteQueue) as never;
  }
}

function inTurn<T extends Awaitable>(query: T, queue: WriteQueue): T {
  const execute = query.execute.bind(query);
  query.execute = () => queue.enqueue("insert", execute);
  return query;
}
