// How long records are kept: one rule for all, or one for each level.
import type { ModuleFile, WriteTransaction } from "@cuitty/storage/module-file";
import { LOG_LEVELS, type LogLevel, SEVERITY } from "@cuitty/wire-protocol/severity";
import type { RetentionRule } from "../../module.ts";

const base = { table: "logs_events", column: "received_at" } as const;
/** Records looked at in one transaction. */
const sliceRows = 2_000;

/** One rule for all levels, or one for each. */
export function retentionRules(days: number, byLevel: Partial<Record<LogLevel, number>> = {}): readonly RetentionRule[] {
  if (Object.keys(byLevel).length === 0) return [{ ...base, days }];
  return LOG_LEVELS.map((level) => ({
    ...base,
    days: byLevel[level] ?? days,
    prune: (file, beforeMs, signal) => pruneLevel(file, level, { beforeMs, signal }),
  }));
}

/** Walks the old records from the oldest, in short transactions: those of other levels stay where they are and are passed. */
async function pruneLevel(
  file: ModuleFile,
  level: LogLevel,
  { beforeMs, signal }: { beforeMs: number; signal: AbortSignal },
): Promise<number> {
  const { from, to } = severityRange(level);
  let deleted = 0;
  let at = [0, 0];
  while (!signal.aborted) {
    const slice = await file.transact((tx) => pruneSlice(tx, { at, beforeMs, from, to }));
    deleted += slice.deleted;
    if (slice.last === null) break;
    at = slice.last;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return deleted;
}

interface Walk {
  /** Time of receipt and seq of the last record looked at. */
  readonly at: readonly number[];
  readonly beforeMs: number;
  readonly from: number;
  readonly to: number;
}

function pruneSlice(tx: WriteTransaction, { at, beforeMs, from, to }: Walk): { deleted: number; last: number[] | null } {
  const rows = tx.all(
    `SELECT received_at, seq, severity FROM logs_events WHERE (received_at, seq) > (?, ?) AND received_at < ? ORDER BY received_at, seq LIMIT ?`,
    [...at, beforeMs, sliceRows],
  );
  const expired = rows.filter((row) => Number(row[2]) >= from && Number(row[2]) <= to).map((row) => row[1]);
  const deleted =
    expired.length === 0 ? 0 : tx.run("DELETE FROM logs_events WHERE seq IN (SELECT value FROM json_each(?))", [JSON.stringify(expired)]);
  const last = rows.length < sliceRows ? null : (rows.at(-1)?.slice(0, 2).map(Number) ?? null);
  return { deleted, last };
}

/** First and last number of a level: from its own to the last one before the next level's; what lies between counts as the lower one. */
function severityRange(level: LogLevel): { readonly from: number; readonly to: number } {
  return { from: SEVERITY[level], to: SEVERITY[level] + 3 };
}
