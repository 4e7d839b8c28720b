// One query on a driver: binds, runs, and maps rows as Drizzle's own synchronous drivers do.
import { entityKind, type Logger, type Query } from "drizzle-orm";
import {
  ExecuteResultSync,
  type PreparedQueryConfig as PreparedQueryConfigBase,
  type SelectedFieldsOrdered,
  type SQLiteExecuteMethod,
  SQLitePreparedQuery,
} from "drizzle-orm/sqlite-core";
import type { SqlRow, SqlValue, Statement } from "../../engine/driver.ts";
import { createParameterFiller, type ParameterFiller } from "./parameters.ts";
import { createRowMapper, type JoinsNotNullableMap, rowToObject } from "./row-mapper.ts";
import { createRunResult, type RunResult } from "./run-result.ts";

type ResultMapper = (rows: unknown[][], mapColumnValue?: (value: unknown) => unknown) => unknown;

/** What a session gives its queries: a statement on the right connection, and a turn at the writer. */
export interface QueryHost {
  readonly logger: Logger;
  /** Runs `body` with the statement, or throws `writer_busy` when it would write into another caller's open transaction. */
  useStatement<T>(sql: string, body: (statement: Statement) => T): T;
  /** Runs `body` at once, or after the open transaction of another caller. */
  enqueue<T>(sql: string, body: () => T): Promise<T>;
}

export interface QueryShape {
  readonly query: Query;
  readonly fields: SelectedFieldsOrdered | undefined;
  readonly executeMethod: SQLiteExecuteMethod;
  readonly isResponseInArrayMode: boolean;
  readonly customResultMapper: ResultMapper | undefined;
}

export interface PreparedQueryConfig extends Omit<PreparedQueryConfigBase, "type" | "run"> {
  type: "sync";
  run: RunResult;
}

/** A prepared query; its statement is cached by the driver, so making one costs no round trip. */
export class HonkerPreparedQuery extends SQLitePreparedQuery<PreparedQueryConfig & PreparedQueryConfigBase> {
  static override readonly [entityKind]: string = "HonkerPreparedQuery";
  /** Set by Drizzle on a prepared select, after construction. */
  declare joinsNotNullableMap: JoinsNotNullableMap;
  readonly #host: QueryHost;
  readonly #shape: QueryShape;
  #fill: ParameterFiller | undefined;
  #mapRow: ((row: SqlRow) => Record<string, unknown>) | undefined;

  constructor(host: QueryHost, shape: QueryShape) {
    super("sync", shape.executeMethod, shape.query);
    this.#host = host;
    this.#shape = shape;
  }

  run(placeholderValues?: Record<string, unknown>): RunResult {
    return this.#use(placeholderValues, (statement, params) => createRunResult(statement.run(params)));
  }

  all(placeholderValues?: Record<string, unknown>): unknown {
    const { fields, customResultMapper } = this.#shape;
    return this.#use(placeholderValues, (statement, params) => {
      const rows = normalizeRows(statement.all(params));
      if (customResultMapper !== undefined) return customResultMapper(rows);
      if (fields === undefined) {
        const { columns } = statement;
        return rows.map((row) => rowToObject(columns, row));
      }
      return rows.map(this.#mapper(fields));
    });
  }

  get(placeholderValues?: Record<string, unknown>): unknown {
    const { fields, customResultMapper } = this.#shape;
    return this.#use(placeholderValues, (statement, params) => {
      const row = statement.get(params);
      if (row === undefined) return undefined;
      normalizeRow(row);
      if (customResultMapper !== undefined) return customResultMapper([row]);
      if (fields === undefined) return rowToObject(statement.columns, row);
      return this.#mapper(fields)(row);
    });
  }

  values(placeholderValues?: Record<string, unknown>): unknown {
    return this.#use(placeholderValues, (statement, params) => normalizeRows(statement.all(params)));
  }

  /** `sync()` runs at once; awaiting it waits for the writer's turn first. */
  override execute(placeholderValues?: Record<string, unknown>): ExecuteResultSync<never> {
    const runNow = () => this[this.#shape.executeMethod](placeholderValues) as never;
    const result = new ExecuteResultSync<never>(runNow);
    result.execute = () => this.#host.enqueue(this.#shape.query.sql, runNow);
    return result;
  }

  /** @internal Asked by Drizzle's proxies. */
  isResponseInArrayMode(): boolean {
    return this.#shape.isResponseInArrayMode;
  }

  #mapper(fields: SelectedFieldsOrdered): (row: SqlRow) => Record<string, unknown> {
    this.#mapRow ??= createRowMapper(fields, this.joinsNotNullableMap);
    return this.#mapRow;
  }

  #use<T>(placeholderValues: Record<string, unknown> | undefined, body: (statement: Statement, params: SqlValue[]) => T): T {
    const { query } = this.#shape;
    this.#fill ??= createParameterFiller(query.params);
    const params = this.#fill(placeholderValues);
    this.#host.logger.logQuery(query.sql, params);
    return this.#host.useStatement(query.sql, (statement) => body(statement, params));
  }
}

function normalizeRows(rows: SqlRow[]): SqlRow[] {
  for (const row of rows) normalizeRow(row);
  return rows;
}

/** Drizzle's blob columns decode a Buffer; an engine may answer with a bare Uint8Array. */
function normalizeRow(row: SqlRow): void {
  for (let index = 0; index < row.length; index++) {
    const value = row[index];
    if (typeof value === "object" && value !== null && !Buffer.isBuffer(value)) {
      row[index] = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
  }
}
