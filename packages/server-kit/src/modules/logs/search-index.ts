// The full-text index over messages: filled some thousand records at a time by the writes, to its end by a search, in the background for what was written without it.
import type { ModuleFile, SqlStatement, WriteTransaction } from "@cuitty/storage/module-file";
import { isCuittyError } from "@cuitty/wire-protocol";
import type { ModuleJob } from "../../module.ts";

/** Records that wait before a write indexes them: in small portions the index writes, and merges, several times as much. */
const portionRows = 2_000;
/** More than a portion and a batch can be: what is further behind is left to the job, so that nobody waits for the past. */
const maxLag = 12_000;
const sliceRows = 2_000;

const lag = "(SELECT coalesce(max(seq), 0) FROM logs_events) - (SELECT to_seq FROM logs_search_range)";

/** Indexes what is not yet, when it is `least` records or more, in the transaction that they stand in. */
const indexFrom = (least: number): readonly SqlStatement[] => [
  {
    sql: `INSERT INTO logs_search (rowid, project, message)
      SELECT seq, project, message FROM logs_messages
      WHERE seq > (SELECT to_seq FROM logs_search_range) AND ${lag} BETWEEN ${least} AND ${maxLag}`,
  },
  { sql: `UPDATE logs_search_range SET to_seq = (SELECT max(seq) FROM logs_events) WHERE ${lag} BETWEEN ${least} AND ${maxLag}` },
];

/** Belongs to each write. */
export const indexPortion = indexFrom(portionRows);
const indexRest = indexFrom(1);

/** Before a search: it finds all that was acknowledged before it began. Where nothing can be written, it finds what is indexed. */
export async function indexTail(file: ModuleFile, { projectId, nowMs }: { projectId: string; nowMs: number }): Promise<void> {
  const [row] = await file.all(`SELECT ${lag}`);
  if (Number(row?.[0]) <= 0) return;
  try {
    await file.write({ projectId, nowMs, statements: indexRest });
  } catch (error) {
    if (!isCuittyError(error) || !unwritable.has(error.code)) throw error;
  }
}

/** A full disk, or a lock held elsewhere, keeps nobody from reading. */
const unwritable: ReadonlySet<string> = new Set(["busy", "full", "readonly", "io"]);

/** Indexes records that were written while search was off. */
export const indexJob: ModuleJob = {
  name: "search",
  everyMs: 60_000,
  async run({ file, signal }) {
    await indexOldRows(file, signal);
  },
};

/** Returns how many records were indexed. */
export async function indexOldRows(file: ModuleFile, signal?: AbortSignal): Promise<number> {
  let indexed = 0;
  while (!signal?.aborted) {
    const count = await file.transact(indexSlice);
    indexed += count;
    if (count < sliceRows) break;
  }
  return indexed;
}

function indexSlice(tx: WriteTransaction): number {
  const rows = tx.all("SELECT seq FROM logs_events WHERE seq > (SELECT to_seq FROM logs_search_range) ORDER BY seq LIMIT ?", [sliceRows]);
  const last = rows.at(-1)?.[0];
  if (last === undefined) return 0;
  tx.run(
    `INSERT INTO logs_search (rowid, project, message)
     SELECT seq, project, message FROM logs_messages WHERE seq > (SELECT to_seq FROM logs_search_range) AND seq <= ?`,
    [last],
  );
  tx.run("UPDATE logs_search_range SET to_seq = ?", [last]);
  return rows.length;
}
