// Appending to a project's chain, inside the write transaction: known events are skipped, each new one follows the last.
import type { Procedure, SqlValue, WriteCounts, WriteTransaction } from "@cuitty/storage/module-file";
import { CuittyError } from "@cuitty/wire-protocol";
import type { ValidEvent } from "../../module.ts";
import { COMMON_COLUMNS } from "../shared/event-rows.ts";
import { entryHash, ZERO_HASH } from "./entry-hash.ts";

interface Head {
  readonly seq: number;
  readonly hash: Uint8Array;
  readonly receivedAtMs: number;
}

const columns = [...COMMON_COLUMNS, "seq", "actor", "action", "resource", "prev_hash", "hash"];

/** An entry before it has its place in the chain: texts in a list, made where the request is, since objects cost twice as much to hand over. */
export type NewEntry = readonly [
  id: string,
  ts: string,
  tsMs: number,
  receivedAtMs: number,
  isSkewed: boolean,
  /** JSON. */
  data: string,
  /** JSON; empty without. */
  meta: string,
  actor: string,
  action: string,
  resource: string,
];

/** What of an event goes into the chain. */
export function toNewEntry(event: ValidEvent, toJson: (value: unknown) => string = JSON.stringify): NewEntry {
  const { id, ts, tsMs, receivedAtMs, isSkewed, data, meta } = event;
  const metaJson = meta === null ? "" : toJson(meta);
  const { actor, action, resource } = data;
  return [id, ts, tsMs, receivedAtMs, isSkewed, toJson(data), metaJson, String(actor), String(action), String(resource)];
}

/** Appends what the project does not have yet. Runs where the file is: in this thread, or by its name in the storage thread. */
export const appendEntries: Procedure<{ readonly entries: readonly NewEntry[]; readonly projectId: string }> = {
  name: "audit.append",
  run: (tx, { entries, projectId }) => append(tx, entries, projectId),
};

function append(tx: WriteTransaction, entries: readonly NewEntry[], projectId: string): WriteCounts {
  const fresh = withoutKnown(tx, entries, projectId);
  const duplicate = entries.length - fresh.length;
  if (fresh.length === 0) return { inserted: 0, duplicate };
  const head = readHead(tx, projectId);
  const wanted = { tx, projectId, entries: fresh };
  writeHead(tx, projectId, insertAfter(wanted, head) ?? insertBehindForged(wanted, head));
  return { inserted: fresh.length, duplicate };
}

interface Append {
  readonly tx: WriteTransaction;
  readonly projectId: string;
  readonly entries: readonly NewEntry[];
}

/** Returns the new head, or null where rows stand in the way: then some of the entries may be in, which cannot stay. */
function insertAfter({ tx, projectId, entries }: Append, from: Head): Head | null {
  let head = from;
  const rows: SqlValue[][] = [];
  for (const entry of entries) {
    const next = nextRow(entry, projectId, head);
    head = next.head;
    rows.push(next.row);
  }
  // Not "error": a transaction that has failed could not go on behind the rows in the way.
  const inserted = tx.insert({ table: "audit_events", columns, rows, onConflict: "ignore" });
  return inserted === rows.length ? head : null;
}

/**
 * Somebody put rows in after the end, or set the end back. The new entries follow the last one of the chain, with the first numbers that are free:
 * a project whose file was tampered with goes on recording, and the walk reports the rows in between, or the link that passes them over.
 */
function insertBehindForged(append: Append, head: Head): Head {
  const { tx, projectId, entries } = append;
  const ids = JSON.stringify(entries.map(([id]) => id));
  tx.run("DELETE FROM audit_events WHERE project_id = ? AND id IN (SELECT value FROM json_each(?))", [projectId, ids]);
  const [row] = tx.all(
    `SELECT seq FROM (SELECT seq, lead(seq) OVER (ORDER BY seq) AS next FROM audit_events WHERE project_id = ? AND seq > ?)
     WHERE next IS NULL OR next - seq > ? ORDER BY seq LIMIT 1`,
    [projectId, head.seq, entries.length],
  );
  const end = insertAfter(append, { ...head, seq: Number(row?.[0] ?? head.seq) });
  if (end === null)
    throw new CuittyError("internal", "audit chain: no room for new entries behind the rows that were put in after its end");
  return end;
}

function withoutKnown(tx: WriteTransaction, entries: readonly NewEntry[], projectId: string): NewEntry[] {
  const ids = JSON.stringify(entries.map(([id]) => id));
  const stored = tx.all("SELECT id FROM audit_events WHERE project_id = ? AND id IN (SELECT value FROM json_each(?))", [projectId, ids]);
  const known = new Set<SqlValue>(stored.map(([id]) => id ?? null));
  return entries.filter(([id]) => {
    if (known.has(id)) return false;
    known.add(id);
    return true;
  });
}

function nextRow(entry: NewEntry, projectId: string, head: Head): { row: SqlValue[]; head: Head } {
  const [id, ts, tsMs, arrivedAtMs, isSkewed, data, meta, actor, action, resource] = entry;
  // The clock may step back; the order of receipt may not, or pruning by age would leave a hole in the chain.
  const receivedAtMs = Math.max(arrivedAtMs, head.receivedAtMs);
  const seq = head.seq + 1;
  const hash = entryHash(head.hash, { projectId, seq, id, ts, receivedAtMs, isSkewed, data, meta });
  if (hash === null) throw new CuittyError("internal", "audit entry: a field that becomes part of the hash contains a line feed");
  const common = [projectId, id, ts, tsMs, receivedAtMs, isSkewed ? 1 : 0, data, meta === "" ? null : meta];
  return { row: [...common, seq, actor, action, resource, head.hash, hash], head: { seq, hash, receivedAtMs } };
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
