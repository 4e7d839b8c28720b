// Appending to a project's chain, inside the write transaction: known events are skipped, each new one follows the last.
import type { Procedure, SqlValue, WriteCounts, WriteTransaction } from "@cuitty/storage/module-file";
import { CuittyError } from "@cuitty/wire-protocol";
import type { ValidEvent } from "../../module.ts";
import { COMMON_COLUMNS, commonValues } from "../shared/event-rows.ts";
import { entryHash, ZERO_HASH } from "./entry-hash.ts";

interface Head {
  readonly seq: number;
  readonly hash: Uint8Array;
  readonly receivedAtMs: number;
}

const columns = [...COMMON_COLUMNS, "seq", "actor", "action", "resource", "prev_hash", "hash"];

/** Appends what the project does not have yet. Runs where the file is: in this thread, or by its name in the storage thread. */
export const appendEntries: Procedure<{ readonly events: readonly ValidEvent[]; readonly projectId: string }> = {
  name: "audit.append",
  run: (tx, { events, projectId }) => append(tx, events, projectId),
};

function append(tx: WriteTransaction, events: readonly ValidEvent[], projectId: string): WriteCounts {
  const fresh = withoutKnown(tx, events, projectId);
  const duplicate = events.length - fresh.length;
  if (fresh.length === 0) return { inserted: 0, duplicate };
  let head = readHead(tx, projectId);
  const rows: SqlValue[][] = [];
  for (const event of fresh) {
    const next = nextRow(event, projectId, head);
    head = next.head;
    rows.push(next.row);
  }
  tx.insert({ table: "audit_events", columns, rows, onConflict: "error" });
  writeHead(tx, projectId, head);
  return { inserted: fresh.length, duplicate };
}

function withoutKnown(tx: WriteTransaction, events: readonly ValidEvent[], projectId: string): ValidEvent[] {
  const ids = JSON.stringify(events.map(({ id }) => id));
  const stored = tx.all("SELECT id FROM audit_events WHERE project_id = ? AND id IN (SELECT value FROM json_each(?))", [projectId, ids]);
  const known = new Set<SqlValue>(stored.map(([id]) => id ?? null));
  return events.filter(({ id }) => {
    if (known.has(id)) return false;
    known.add(id);
    return true;
  });
}

function nextRow(event: ValidEvent, projectId: string, head: Head): { row: SqlValue[]; head: Head } {
  // The clock may step back; the order of receipt may not, or pruning by age would leave a hole in the chain.
  const receivedAtMs = Math.max(event.receivedAtMs, head.receivedAtMs);
  const common = commonValues({ ...event, receivedAtMs }, projectId);
  const entry = {
    projectId,
    seq: head.seq + 1,
    id: event.id,
    ts: event.ts,
    receivedAtMs,
    isSkewed: event.isSkewed,
    data: common[6] as string,
    meta: (common[7] as string | null) ?? "",
  };
  const hash = entryHash(head.hash, entry);
  if (hash === null) throw new CuittyError("internal", "audit entry: a field that becomes part of the hash contains a line feed");
  const { actor, action, resource } = event.data;
  return {
    row: [...common, entry.seq, String(actor), String(action), String(resource), head.hash, hash],
    head: { seq: entry.seq, hash, receivedAtMs },
  };
}

function readHead(tx: WriteTransaction, projectId: string): Head {
  const [row] = tx.all("SELECT seq, hash, received_at FROM audit_heads WHERE project_id = ?", [projectId]);
  if (row === undefined) return { seq: 0, hash: ZERO_HASH, receivedAtMs: 0 };
  return { seq: Number(row[0]), hash: row[1] as Uint8Array, receivedAtMs: Number(row[2]) };
}

function writeHead(tx: WriteTransaction, projectId: string, head: Head): void {
  tx.run(
    `INSERT INTO audit_heads (project_id, seq, hash, received_at, pruned_hash) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (project_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, received_at = excluded.received_at`,
    [projectId, head.seq, head.hash, head.receivedAtMs, ZERO_HASH],
  );
}
