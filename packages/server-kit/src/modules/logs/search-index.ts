// The full-text index over messages: filled within the transaction that writes the records, and in the background for those written without it.
import type { ModuleFile, SqlStatement, WriteTransaction } from "@cuitty/storage/module-file";
import type { ModuleJob } from "../../module.ts";

/** More than a batch can hold: what is further behind is left to the job, so that no batch waits for the past. */
const maxLag = 12_000;
const sliceRows = 2_000;

const lag = "(SELECT coalesce(max(seq), 0) FROM logs_events) - (SELECT to_seq FROM logs_search_range)";

/** Statements that index what the same transaction has just written. */
export const indexNewRows: readonly SqlStatement[] = [
  {
    sql: `INSERT INTO logs_search (rowid, project, message)
      SELECT seq, project, message FROM logs_messages WHERE seq > (SELECT to_seq FROM logs_search_range) AND ${lag} <= ${maxLag}`,
  },
  { sql: `UPDATE logs_search_range SET to_seq = (SELECT max(seq) FROM logs_events) WHERE ${lag} BETWEEN 1 AND ${maxLag}` },
];

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
