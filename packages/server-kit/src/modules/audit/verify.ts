// Walking a project's chain: the first entry that was changed, removed or put in, if any.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ModuleFile, SqlRow, SqlValue } from "@cuitty/storage/module-file";
import { type Static, Type } from "@sinclair/typebox";
import { entryHash, isSameHash, ZERO_HASH } from "./entry-hash.ts";

export const chainReportSchema = Type.Object(
  {
    ok: Type.Boolean(),
    checked: Type.Integer({ description: "Entries that were found intact." }),
    firstSeq: Type.Union([Type.Integer(), Type.Null()], { description: "First entry kept; older ones were pruned." }),
    lastSeq: Type.Union([Type.Integer(), Type.Null()], { description: "Last intact entry." }),
    headHash: Type.Union([Type.String(), Type.Null()], {
      description: "SHA-256 of the last intact entry, hex. Keep it elsewhere to notice a rewritten chain.",
    }),
    brokenAt: Type.Union([Type.Integer(), Type.Null()], { description: "First entry that is not as it was written." }),
    reason: Type.Union([Type.String(), Type.Null()]),
  },
  { title: "ChainReport" },
);

/**
 * Outcome of a walk. `reason`: `content_changed`, `link_changed`, `columns_changed`, `entry_missing`, `end_missing`, `end_changed`;
 * `before_start` and `after_end` for a row that is listed and no part of the chain.
 */
export type ChainReport = Static<typeof chainReportSchema>;

interface Position {
  readonly seq: number;
  readonly hash: Uint8Array;
}

interface Chain {
  readonly end: Position;
  readonly start: Position;
  /** First rows that lists show although they are before the start or after the end. */
  readonly before: Broken | null;
  readonly after: Broken | null;
}

interface Broken {
  readonly seq: number;
  readonly reason: string;
}

const pageRows = 500;

/** Checks every entry from the oldest kept one to the newest that is there when the walk begins. */
export async function verifyChain(file: ModuleFile, projectId: string, signal?: AbortSignal): Promise<ChainReport> {
  const chain = await readChain(file, projectId);
  let at = chain.start;
  let start = chain.start;
  let broken: Broken | null = null;
  while (at.seq < chain.end.seq && broken === null) {
    signal?.throwIfAborted();
    const rows = await file.all(pageSql, [projectId, at.seq, chain.end.seq, pageRows]);
    const walked = walk(rows, at, projectId);
    at = walked.at;
    broken = walked.broken ?? (rows.length === 0 ? { seq: at.seq + 1, reason: "end_missing" } : null);
    if (broken !== null) {
      // Pruning may have overtaken the walk: then it goes on from the new beginning.
      const now = await readChain(file, projectId);
      if (now.start.seq >= broken.seq) [at, start, broken] = [now.start, now.start, null];
    }
    // A long chain is walked in small steps, so that the host's other requests go on.
    await nextTurn();
  }
  if (broken === null && !isSameHash(at.hash, chain.end.hash) && at.seq === chain.end.seq) broken = { seq: at.seq, reason: "end_changed" };
  return report(start, at, chain.before ?? broken ?? chain.after);
}

// Texts are read as bytes: a changed file may hold what is not UTF-8, and the hash is over bytes anyway.
const pageSql = `SELECT seq, CAST(id AS BLOB), CAST(ts AS BLOB), received_at, is_skewed, CAST(data AS BLOB), CAST(meta AS BLOB), prev_hash, hash,
    CAST(actor AS BLOB), CAST(action AS BLOB), CAST(resource AS BLOB), ts_ms
  FROM audit_events WHERE project_id = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?`;

// One statement, as an entry or a pruning between two would look like a row outside the chain.
const chainSql = `SELECT head.seq, head.hash, head.pruned_seq, head.pruned_hash,
    (SELECT min(seq) FROM audit_events WHERE project_id = wanted.id),
    (SELECT max(seq) FROM audit_events WHERE project_id = wanted.id),
    (SELECT min(seq) FROM audit_events WHERE project_id = wanted.id AND seq > head.seq)
  FROM (SELECT ? AS id) AS wanted LEFT JOIN audit_heads AS head ON head.project_id = wanted.id`;

async function readChain(file: ModuleFile, projectId: string): Promise<Chain> {
  const [row = []] = await file.all(chainSql, [projectId]);
  const [endSeq, endHash, prunedSeq, prunedHash] = row;
  const [first, last, next] = row.slice(4).map((seq) => (seq === null ? null : Number(seq)));
  const start = { seq: Number(prunedSeq ?? 0), hash: prunedHash instanceof Uint8Array ? prunedHash : ZERO_HASH };
  const before = first != null && first <= start.seq ? { seq: first, reason: "before_start" } : null;
  if (!(endHash instanceof Uint8Array)) {
    // Entries without a head: somebody removed it; the walk then reports the first entry after the last.
    const end = last != null && last > start.seq ? { seq: last + 1, hash: ZERO_HASH } : start;
    return { start, end, before, after: null };
  }
  const end = { seq: Number(endSeq), hash: endHash };
  if (end.seq < start.seq) return { start, end, before, after: { seq: end.seq, reason: "end_changed" } };
  return { start, end, before, after: next == null ? null : { seq: next, reason: "after_end" } };
}

function walk(rows: readonly SqlRow[], from: Position, projectId: string): { at: Position; broken: Broken | null } {
  let at = from;
  for (const row of rows) {
    const seq = Number(row[0]);
    if (seq !== at.seq + 1) return { at, broken: { seq: at.seq + 1, reason: "entry_missing" } };
    const reason = faultOf(row, at, projectId);
    if (reason !== null) return { at, broken: { seq, reason } };
    at = { seq, hash: row[8] as Uint8Array };
  }
  return { at, broken: null };
}

function faultOf(row: SqlRow, previous: Position, projectId: string): string | null {
  const [seq, id, ts, receivedAt, isSkewed, data, meta, previousHash, hash] = row;
  if (!isSameHash(previousHash, previous.hash)) return "link_changed";
  const expected = entryHash(previous.hash, {
    projectId,
    seq: Number(seq),
    id: toBytes(id),
    ts: toBytes(ts),
    receivedAtMs: Number(receivedAt),
    isSkewed: isSkewed === 1,
    data: toBytes(data),
    meta: toBytes(meta),
  });
  if (expected === null || !isSameHash(hash, expected) || !isAsWritten(isSkewed, meta)) return "content_changed";
  return columnsAgree(row) ? null : "columns_changed";
}

const toBytes = (value: SqlValue | undefined): Uint8Array => (value instanceof Uint8Array ? value : new Uint8Array(0));
// The hash has one form for several values of these columns, of which only one of each is ever written.
function isAsWritten(isSkewed: SqlValue | undefined, meta: SqlValue | undefined): boolean {
  return (isSkewed === 0 || isSkewed === 1) && (meta === null || toBytes(meta).byteLength > 0);
}

// Lists filter by these columns; they are copies of what the hash covers. Compared as bytes: stored text has none for half a surrogate pair.
function columnsAgree(row: SqlRow): boolean {
  const data = parseData(toBytes(row[5]));
  const isCopy = (column: number, value: unknown): boolean =>
    typeof value === "string" && Buffer.compare(toBytes(row[column]), Buffer.from(value)) === 0;
  return isCopy(9, data.actor) && isCopy(10, data.action) && isCopy(11, data.resource) && row[12] === Date.parse(toText(row[2]));
}

const toText = (value: SqlValue | undefined): string => Buffer.from(toBytes(value)).toString("utf8");

/** Whoever writes a hash that fits can also have it fit what is no JSON. */
function parseData(bytes: Uint8Array): Record<string, unknown> {
  try {
    return Object(JSON.parse(Buffer.from(bytes).toString("utf8"))) as Record<string, unknown>;
  } catch {
    // reason: without the fields that were copied, which is what is reported
    return {};
  }
}

function report(start: Position, at: Position, broken: Broken | null): ChainReport {
  const checked = at.seq - start.seq;
  return {
    ok: broken === null,
    checked,
    firstSeq: checked > 0 ? start.seq + 1 : null,
    lastSeq: checked > 0 ? at.seq : null,
    headHash: checked > 0 ? Buffer.from(at.hash).toString("hex") : null,
    brokenAt: broken?.seq ?? null,
    reason: broken?.reason ?? null,
  };
}
