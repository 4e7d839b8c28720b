// A group of requests as one batch: their inbox rows guard it, so that a replay or a bad row is known by the statement that failed.
import { isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { type Counting, countingOf, isRowInsert, uncounted } from "./ingest-write.ts";
import type { RemoteResult, RemoteStatement } from "./remote-client.ts";
import type { InsertChunk } from "./row-insert.ts";
import type { IngestOutcome, IngestWrite, RowInsert } from "./types.ts";
import { assertInside } from "./write-transaction.ts";

/** Fails on a known key: a batch has no conditions on the rows of its statements, so the whole batch is taken back and the request found by position. */
const inboxInsert = "INSERT INTO _inbox (project, key, fp, accepted, duplicate, note, at) VALUES (?, ?, ?, ?, ?, ?, ?)";
/** Directly after a counted insert: what it did not insert was known. */
const inboxCorrect =
  "UPDATE _inbox SET accepted = accepted - (? - changes()), duplicate = duplicate + (? - changes()) WHERE project = ? AND key = ?";

interface Part {
  readonly start: number;
  readonly end: number;
  readonly hasInbox: boolean;
  /** Positions of statements whose changes are counted. */
  readonly counted: readonly number[];
  readonly counting: Counting;
}

export interface Culprit {
  readonly index: number;
  readonly isReplay: boolean;
}

export interface GroupBatch {
  readonly statements: readonly RemoteStatement[];
  /** Outcomes in the order of the requests. */
  outcomes(results: readonly RemoteResult[]): IngestOutcome[];
  /** Which request a failed batch is to blame on, and whether its key was known. */
  culprit(error: unknown): Culprit | undefined;
}

/** Puts requests into one batch. */
export function createGroupBatch(requests: readonly IngestWrite[], plan: (insert: RowInsert) => InsertChunk[]): GroupBatch {
  const statements: RemoteStatement[] = [];
  const parts = requests.map((request) => addRequest(statements, request, plan));
  return {
    statements,
    outcomes: (results) =>
      requests.map((request, index) => {
        const { counted, counting } = parts[index] as Part;
        const written = counted.reduce((sum, at) => sum + (results[at] as RemoteResult).changes, 0);
        const inserted = written + uncounted(request.events, counting);
        return { status: "written", inserted, duplicate: counting.rows - written, note: request.note ?? null };
      }),
    culprit(error) {
      const at = isCuittyError(error) ? error.details?.statement : undefined;
      if (typeof at !== "number") return undefined;
      const index = parts.findIndex(({ start, end }) => at >= start && at < end);
      if (index === -1) return undefined;
      const part = parts[index] as Part;
      return { index, isReplay: part.hasInbox && at === part.start && isCuittyError(error, "constraint") };
    },
  };
}

function addRequest(statements: RemoteStatement[], request: IngestWrite, plan: (insert: RowInsert) => InsertChunk[]): Part {
  const { projectId, idempotencyKey, fingerprint, note = null, nowMs } = request;
  const start = statements.length;
  const counted: number[] = [];
  const counting = countingOf(request);
  if (idempotencyKey !== undefined) {
    const row = [projectId, idempotencyKey, fingerprint ?? null, counting.expected, 0, note, Math.trunc(nowMs)];
    statements.push({ sql: inboxInsert, params: row });
  }
  for (const statement of request.statements) {
    if (!isRowInsert(statement)) {
      assertInside(statement.sql);
      statements.push(statement);
      continue;
    }
    for (const chunk of plan(statement)) {
      const isCounted = counting.isCounted(statement);
      if (isCounted) counted.push(statements.length);
      statements.push(chunk);
      if (isCounted && idempotencyKey !== undefined) {
        statements.push({ sql: inboxCorrect, params: [chunk.rows, chunk.rows, projectId, idempotencyKey] });
      }
    }
  }
  return { start, end: statements.length, hasInbox: idempotencyKey !== undefined, counted, counting };
}
