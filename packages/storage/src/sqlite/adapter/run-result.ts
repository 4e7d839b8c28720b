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

export function createRunResult(result: DriverRunResult): RunResult {
  const { changes, lastInsertRowid } = result;
  return Object.assign(Object.create(prototype) as RunResult, { changes, lastInsertRowid });
}
