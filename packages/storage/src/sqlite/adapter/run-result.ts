// The result of a statement that returns no rows, readable under the names of both families of SQLite drivers.
import type { RunResult as DriverRunResult } from "../../engine/driver.ts";

/** `changes` and `lastInsertRowid` as in better-sqlite3; `rowsAffected` is libSQL's name for `changes` and does not show up in comparisons. */
export interface RunResult {
  changes: number;
  lastInsertRowid: number | bigint;
  readonly rowsAffected: number;
}

const prototype: Pick<RunResult, "rowsAffected"> = Object.create(Object.prototype, {
  rowsAffected: {
    get(this: RunResult) {
      return this.changes;
    },
  },
});

/** For one call: a statement that was run. */
export function createRunResult(result: DriverRunResult): RunResult {
  const { changes, lastInsertRowid } = result;
  return Object.assign(Object.create(prototype) as RunResult, { changes, lastInsertRowid });
}

/** For an entry of a batch, which only libSQL's Drizzle driver has: libSQL's result set, with `changes` readable too. */
export function createBatchResult({ changes, lastInsertRowid }: RunResult): RunResult {
  const result = { columns: [], columnTypes: [], rows: [], rowsAffected: changes, lastInsertRowid: BigInt(lastInsertRowid) };
  return Object.defineProperty(result, "changes", { value: changes }) as RunResult & typeof result;
}

/** True for what `createRunResult` made. */
export function isRunResult(value: unknown): value is RunResult {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === prototype;
}
