// Rows as multi-row statements: one prepared statement for each table, column list and chunk size.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { SqlValue } from "../engine/driver.ts";
import type { RowInsert } from "./types.ts";

/** Rows of full chunks, largest first: beyond these a longer statement gains nothing, and its parameters cost memory. */
const chunkRows = [50, 25];
/** Sets of columns bound once that a shape may have; each is a statement of its own. */
const maxMasks = 8;
/** SQLite's limit of parameters in one statement. */
const maxParameters = 32_766;

export interface InsertChunk {
  readonly sql: string;
  readonly params: SqlValue[];
  readonly rows: number;
}

const quote = (name: string): string => `"${name.replace(/"/g, '""')}"`;

/** Columns of `mask` are the same in every row: they are bound once, as the first parameters. */
function sqlOf(insert: RowInsert, rows: number, mask: number): string {
  const columns = insert.columns.map(quote).join(", ");
  const conflict = insert.onConflict === "ignore" ? " ON CONFLICT DO NOTHING" : "";
  let once = 0;
  const shared = insert.columns.map((_, column) => (isIn(mask, column) ? `?${++once}` : null));
  let next = once;
  const row = () => `(${shared.map((parameter) => parameter ?? `?${++next}`).join(", ")})`;
  return `INSERT INTO ${quote(insert.table)} (${columns}) VALUES ${Array.from({ length: rows }, row).join(", ")}${conflict}`;
}

const isIn = (mask: number, column: number): boolean => column < 31 && (mask & (1 << column)) !== 0;

interface Shape {
  /** Known masks, 0 (every value of its own) first. */
  readonly masks: number[];
  /** SQL by mask, then by number of rows. */
  readonly texts: Map<number, string[]>;
}

/** Remembers the SQL of each shape: building it costs more than running it. */
export function createInsertPlanner(): (insert: RowInsert) => InsertChunk[] {
  const shapes = new Map<string, Shape>();

  function shapeOf(insert: RowInsert): Shape {
    const name = `${insert.table}\0${insert.onConflict ?? "error"}\0${insert.columns.join("\0")}`;
    let shape = shapes.get(name);
    if (shape === undefined) {
      // Shapes come from code, not from data; a caller that invents them without end must not fill the memory.
      if (shapes.size >= 256) shapes.clear();
      shape = { masks: [0], texts: new Map() };
      shapes.set(name, shape);
    }
    return shape;
  }

  function chunkOf(
    insert: RowInsert,
    shape: Shape,
    { start, rows, isFull }: { start: number; rows: number; isFull: boolean },
  ): InsertChunk {
    const mask = isFull ? knownMask(shape.masks, constantColumns(insert, start, rows)) : 0;
    let texts = shape.texts.get(mask);
    if (texts === undefined) {
      texts = [];
      shape.texts.set(mask, texts);
    }
    texts[rows] ??= sqlOf(insert, rows, mask);
    return { sql: texts[rows], params: flatten(insert, { start, rows, mask }), rows };
  }

  return (insert) => {
    const width = insert.columns.length;
    if (width === 0) throw new CuittyError("invalid_parameter", `rows for ${insert.table}: expected at least one column, got none`);
    const mostRows = Math.max(1, Math.floor(maxParameters / width));
    const shape = shapeOf(insert);
    const chunks: InsertChunk[] = [];
    for (let start = 0; start < insert.rows.length; ) {
      const left = insert.rows.length - start;
      const size = chunkRows.find((rows) => rows <= Math.min(left, mostRows));
      const rows = size ?? Math.min(left, mostRows);
      chunks.push(chunkOf(insert, shape, { start, rows, isFull: size !== undefined }));
      start += rows;
    }
    return chunks;
  };
}

/** Columns whose value is the same in all rows: the project of a batch, the time it was received, fields that nobody sent. */
function constantColumns(insert: RowInsert, start: number, rows: number): number {
  const first = insert.rows[start] as readonly SqlValue[];
  let mask = 0;
  for (let column = 0; column < Math.min(first.length, 31); column++) {
    const value = first[column];
    let index = start + 1;
    while (index < start + rows && Object.is((insert.rows[index] as readonly SqlValue[])[column], value)) index++;
    if (index === start + rows) mask |= 1 << column;
  }
  // One row has to have something of its own to be a row at all.
  return mask === 2 ** first.length - 1 ? 0 : mask;
}

/** The mask itself while there is room for statements, else the largest known part of it. */
function knownMask(masks: number[], mask: number): number {
  if (masks.includes(mask)) return mask;
  if (masks.length < maxMasks) {
    masks.push(mask);
    return mask;
  }
  return masks.reduce((best, known) => ((known & mask) === known && bits(known) > bits(best) ? known : best), 0);
}

function bits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}

function flatten(insert: RowInsert, { start, rows, mask }: { start: number; rows: number; mask: number }): SqlValue[] {
  const width = insert.columns.length;
  const params: SqlValue[] = [];
  const own: number[] = [];
  for (let column = 0; column < width; column++) {
    if (isIn(mask, column)) params.push((insert.rows[start] as readonly SqlValue[])[column] as SqlValue);
    else own.push(column);
  }
  for (let index = start; index < start + rows; index++) {
    const row = insert.rows[index] as readonly SqlValue[];
    if (row.length !== width) {
      throw new CuittyError("invalid_parameter", `row ${index} for ${insert.table}: expected ${width} values, got ${row.length}`, {
        details: { index },
      });
    }
    for (const column of own) params.push(row[column] as SqlValue);
  }
  return params;
}
