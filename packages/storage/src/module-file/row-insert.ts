// Rows as multi-row statements: one prepared statement for each table, column list and chunk size.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { SqlValue } from "../engine/driver.ts";
import type { RowInsert } from "./types.ts";

/** Rows of a full chunk: beyond it a longer statement gains nothing, and its parameters cost memory. */
const chunkRows = 50;
/** SQLite's limit of parameters in one statement. */
const maxParameters = 32_766;

export interface InsertChunk {
  readonly sql: string;
  readonly params: SqlValue[];
  readonly rows: number;
}

const quote = (name: string): string => `"${name.replace(/"/g, '""')}"`;

function sqlOf(insert: RowInsert, rows: number): string {
  const columns = insert.columns.map(quote).join(", ");
  const row = `(${insert.columns.map(() => "?").join(", ")})`;
  const conflict = insert.onConflict === "ignore" ? " ON CONFLICT DO NOTHING" : "";
  return `INSERT INTO ${quote(insert.table)} (${columns}) VALUES ${new Array(rows).fill(row).join(", ")}${conflict}`;
}

/** Remembers the SQL of each shape: building it costs more than running it. */
export function createInsertPlanner(): (insert: RowInsert) => InsertChunk[] {
  const texts = new Map<string, string[]>();

  function textOf(insert: RowInsert, rows: number): string {
    const shape = `${insert.table}\0${insert.onConflict ?? "error"}\0${insert.columns.join("\0")}`;
    let bySize = texts.get(shape);
    if (bySize === undefined) {
      // Shapes come from code, not from data; a caller that invents them without end must not fill the memory.
      if (texts.size >= 256) texts.clear();
      bySize = [];
      texts.set(shape, bySize);
    }
    bySize[rows] ??= sqlOf(insert, rows);
    return bySize[rows];
  }

  return (insert) => {
    const width = insert.columns.length;
    if (width === 0) throw new CuittyError("invalid_parameter", `rows for ${insert.table}: expected at least one column, got none`);
    const size = Math.max(1, Math.min(chunkRows, Math.floor(maxParameters / width)));
    const chunks: InsertChunk[] = [];
    for (let start = 0; start < insert.rows.length; start += size) {
      const rows = Math.min(size, insert.rows.length - start);
      chunks.push({ sql: textOf(insert, rows), params: flatten(insert, start, rows), rows });
    }
    return chunks;
  };
}

function flatten(insert: RowInsert, start: number, count: number): SqlValue[] {
  const width = insert.columns.length;
  const params = new Array<SqlValue>(count * width);
  let at = 0;
  for (let index = start; index < start + count; index++) {
    const row = insert.rows[index] as readonly SqlValue[];
    if (row.length !== width) {
      throw new CuittyError("invalid_parameter", `row ${index} for ${insert.table}: expected ${width} values, got ${row.length}`, {
        details: { index },
      });
    }
    for (let column = 0; column < width; column++) params[at++] = row[column] as SqlValue;
  }
  return params;
}
