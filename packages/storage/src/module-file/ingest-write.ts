// One request inside the group's transaction: its inbox row first, then its rows, then their counts.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { SqlRow, SqlValue } from "../engine/driver.ts";
import { runInteractive } from "./procedure.ts";
import type { IngestOutcome, IngestWrite, RowInsert, SqlStatement, WriteCounts, WriteTransaction } from "./types.ts";

export const INBOX_INSERT =
  "INSERT INTO _inbox (project, key, fp, accepted, duplicate, note, at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
export const INBOX_SELECT = "SELECT fp, accepted, duplicate, note FROM _inbox WHERE project = ? AND key = ?";
export const INBOX_COUNTS = "UPDATE _inbox SET accepted = ?, duplicate = ? WHERE project = ? AND key = ?";
export const INBOX_SWEEP =
  "DELETE FROM _inbox WHERE (project, key) IN (SELECT project, key FROM _inbox WHERE at < ? ORDER BY at LIMIT 500)";

export const isRowInsert = (statement: RowInsert | SqlStatement): statement is RowInsert => "rows" in statement;

/** Which inserts of a request tell new events from known ones. */
export interface Counting {
  isCounted(statement: RowInsert): boolean;
  /** Of the counted inserts together. */
  readonly rows: number;
  /** What the reply counts when nothing is known yet. */
  readonly expected: number;
}

/** Rows that may be known already are counted; where there are more of them than events, those of the insert with a row for each event. */
export function countingOf({ statements, events }: Pick<IngestWrite, "statements" | "events">): Counting {
  let rows = 0;
  let whole: RowInsert | undefined;
  for (const statement of statements) {
    if (!isRowInsert(statement) || statement.onConflict !== "ignore") continue;
    rows += statement.rows.length;
    if (statement.rows.length === events) whole ??= statement;
  }
  if (events === undefined || rows <= events)
    return { isCounted: ({ onConflict }) => onConflict === "ignore", rows, expected: events ?? rows };
  return { isCounted: (statement) => statement === whole, rows: whole === undefined ? 0 : events, expected: events };
}

/** Events that no counted row stands for: nothing says that they were known. */
export function uncounted(events: number | undefined, { rows }: Counting, own: WriteCounts = { inserted: 0, duplicate: 0 }): number {
  return Math.max(0, (events ?? 0) - rows - own.inserted - own.duplicate);
}

/** Checks a request before it is queued: a mistake of one caller must not roll back a group. Errors: `invalid_parameter`. */
export function checkIngestWrite(request: IngestWrite): void {
  const { fingerprint, idempotencyKey, events, nowMs } = request;
  if (fingerprint !== undefined && fingerprint.length !== 32) {
    throw new CuittyError("invalid_parameter", `fingerprint: expected 32 bytes (SHA-256), got ${fingerprint.length}`);
  }
  if (idempotencyKey === "") throw new CuittyError("invalid_parameter", "idempotencyKey: expected text or undefined, got an empty string");
  if (events !== undefined && !(Number.isSafeInteger(events) && events >= 0))
    throw new CuittyError("invalid_parameter", `events: expected how many there are, got ${String(events)}`);
  if (!Number.isFinite(nowMs)) throw new CuittyError("invalid_parameter", "nowMs: expected a number of ms, got none");
}

/** Whether two fingerprints may be of the same body; one that was not given says nothing. */
export function isSameBody(stored: SqlValue | undefined, given: Uint8Array | undefined): boolean {
  if (!(stored instanceof Uint8Array) || given === undefined) return true;
  return stored.length === given.length && stored.every((byte, index) => byte === given[index]);
}

/** What keeps a batch from being written as it is: its key is in a file with another body, or with another note. */
export type Objection = { readonly status: "mismatch" } | { readonly status: "outdated"; readonly note: string | null };

/** What became of a part of a batch; on an objection nothing of the batch was written. Parts made by the note of an `outdated` one can be written one by one. */
export type BatchOutcome = IngestOutcome | Objection;

/** By the rows of INBOX_SELECT that files have of the batch's key. */
export function objectionOf(
  rows: readonly SqlRow[],
  { fingerprint, note }: Pick<IngestWrite, "fingerprint" | "note">,
): Objection | undefined {
  if (!rows.every(([stored]) => isSameBody(stored, fingerprint))) return { status: "mismatch" };
  const outdated = rows.find((row) => row[3] !== (note ?? null));
  return outdated && { status: "outdated", note: outdated[3] as string | null };
}

/** The answer to a request whose key is in the inbox. `row` is one of INBOX_SELECT. */
export function replayOutcome(row: readonly SqlValue[], request: IngestWrite): IngestOutcome {
  if (!isSameBody(row[0], request.fingerprint)) return { status: "mismatch" };
  return { status: "replayed", inserted: Number(row[1]), duplicate: Number(row[2]), note: row[3] as string | null };
}

/** Writes one request; runs inside a transaction and has no effect outside it. */
export function writeRequest(tx: WriteTransaction, request: IngestWrite): IngestOutcome {
  const { projectId, idempotencyKey, fingerprint, note = null, statements, events, nowMs } = request;
  const counting = countingOf(request);
  const { expected } = counting;
  if (idempotencyKey !== undefined) {
    const row = [projectId, idempotencyKey, fingerprint ?? null, expected, 0, note, Math.trunc(nowMs)];
    if (tx.run(INBOX_INSERT, row) === 0) {
      return replayOutcome(tx.all(INBOX_SELECT, [projectId, idempotencyKey])[0] ?? [], request);
    }
  }
  const own = runInteractive(tx, request.interactive);
  const written = writeStatements(tx, statements, counting);
  const inserted = own.inserted + written + uncounted(events, counting, own);
  const duplicate = own.duplicate + counting.rows - written;
  // Most requests bring new rows alone, and the inbox row says so already.
  if (idempotencyKey !== undefined && (inserted !== expected || duplicate !== 0)) {
    tx.run(INBOX_COUNTS, [inserted, duplicate, projectId, idempotencyKey]);
  }
  return { status: "written", inserted, duplicate, note };
}

/** Returns how many of the counted rows were new. */
function writeStatements(
  tx: WriteTransaction,
  statements: readonly (RowInsert | SqlStatement)[],
  { isCounted }: Pick<Counting, "isCounted">,
): number {
  let written = 0;
  for (const statement of statements) {
    if (!isRowInsert(statement)) tx.run(statement.sql, statement.params);
    else {
      const inserted = tx.insert(statement);
      if (isCounted(statement)) written += inserted;
    }
  }
  return written;
}

/** What a request weighs in its group. Bytes are estimated from text and blobs. Errors: `invalid_parameter` for rows that are none. */
export function weightOf(request: IngestWrite): { rows: number; bytes: number } {
  try {
    return weigh(request);
  } catch (cause) {
    const text = "statements: expected a list of statements, or of inserts whose rows are lists of values, got something else";
    throw new CuittyError("invalid_parameter", text, { cause });
  }
}

function weigh(request: IngestWrite): { rows: number; bytes: number } {
  let rows = 1;
  let bytes = 0;
  for (const statement of request.statements) {
    if (!isRowInsert(statement)) rows++;
    else {
      rows += statement.rows.length;
      for (const row of statement.rows) bytes += bytesOf(row);
    }
  }
  return { rows, bytes };
}

function bytesOf(row: readonly SqlValue[]): number {
  let bytes = 0;
  for (const value of row) if (typeof value === "string" || value instanceof Uint8Array) bytes += value.length;
  return bytes;
}
