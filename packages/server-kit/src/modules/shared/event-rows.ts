// The columns every event table has, and how a valid event becomes their values.
import type { RowInsert, SqlValue } from "@cuitty/storage/module-file";
import type { IngestContext, ValidEvent } from "../../module.ts";

/** Columns shared by the event tables, in the order of `commonValues`. `seq` is the table's own. */
export const COMMON_COLUMNS = ["project_id", "id", "ts", "ts_ms", "received_at", "is_skewed", "data", "meta"] as const;

/** Values for `COMMON_COLUMNS`. JSON is written anew from the parsed value: what is stored has one reading, whatever the sender's text looked like. */
function commonValues(event: ValidEvent, projectId: string, toJson: (value: unknown) => string): SqlValue[] {
  return [
    projectId,
    event.id,
    event.ts,
    event.tsMs,
    event.receivedAtMs,
    event.isSkewed ? 1 : 0,
    toJson(event.data),
    event.meta === null ? null : toJson(event.meta),
  ];
}

export interface EventRowsOptions {
  readonly table: string;
  /** The module's own columns, after the common ones. */
  readonly columns: readonly string[];
  /** Values for `columns`. */
  valuesOf(data: Readonly<Record<string, unknown>>): readonly SqlValue[];
}

/** Rows for an event table; a row whose id the project already has is a duplicate, not an error. */
export function eventRows(events: readonly ValidEvent[], context: IngestContext, options: EventRowsOptions): RowInsert {
  const { projectId, toJson = JSON.stringify } = context;
  return {
    table: options.table,
    columns: [...COMMON_COLUMNS, ...options.columns],
    rows: events.map((event) => [...commonValues(event, projectId, toJson), ...options.valuesOf(event.data)]),
    onConflict: "ignore",
  };
}

/** A string field for an indexed column; anything else is null there and stays in `data`. */
export const textOrNull = (value: unknown): string | null => (typeof value === "string" ? value : null);

/** A number field for a column; anything else is null there and stays in `data`. */
export const numberOrNull = (value: unknown): number | null => (typeof value === "number" ? value : null);
