// A live stream over an event table: rows of one project in the order of their sequence numbers.
import type { ModuleFile } from "@cuitty/storage/module-file";
import type { StreamRow, StreamSource } from "../../module.ts";
import { dataWithMeta } from "./stored-event.ts";

export interface EventStreamOptions {
  readonly topic: string;
  readonly table: string;
  /** The wire type of the rows. */
  readonly type: string;
  /** Name of the index on `(project_id, seq)`. */
  readonly index: string;
}

/** A live stream over `table`. */
export function eventStream({ topic, table, type, index }: EventStreamOptions): StreamSource {
  // Named, because SQLite may rather walk the table from `seq` on: through all projects' rows to find those of a quiet one.
  const pageSql = `SELECT seq, id, ts, data, meta FROM ${table} INDEXED BY ${index} WHERE project_id = ? AND seq > ? ORDER BY seq LIMIT ?`;
  // Two sub-selects: SQLite answers min or max alone from one end of an index, both together only by reading all of it.
  const rangeSql = `SELECT (SELECT min(seq) FROM ${table} WHERE project_id = ?), (SELECT max(seq) FROM ${table} WHERE project_id = ?)`;
  return {
    topic,
    async page(file: ModuleFile, query): Promise<readonly StreamRow[]> {
      const rows = await file.all(pageSql, [query.projectId, query.afterSeq, query.limit]);
      return rows.map(([seq, id, ts, data, meta]) => ({
        seq: Number(seq),
        id: String(id),
        type,
        ts: String(ts),
        dataJson: dataWithMeta(String(data), meta === null ? null : String(meta)),
      }));
    },
    async range(file, projectId) {
      const [row] = await file.all(rangeSql, [projectId, projectId]);
      return { oldestSeq: Number(row?.[0] ?? 0), newestSeq: Number(row?.[1] ?? 0) };
    },
  };
}
