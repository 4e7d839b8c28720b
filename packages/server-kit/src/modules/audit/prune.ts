// Pruning old entries: only from the beginning of a chain, and noting the hash that the rest goes on from.
import type { ModuleFile, WriteTransaction } from "@cuitty/storage/module-file";

const sliceRows = 500;

/** Deletes entries received before `beforeMs`, in short transactions. Returns how many. */
export async function pruneEntries(file: ModuleFile, beforeMs: number, signal?: AbortSignal): Promise<number> {
  const projects = await file.all("SELECT project_id FROM audit_heads");
  let pruned = 0;
  for (const [projectId] of projects) {
    for (;;) {
      if (signal?.aborted) return pruned;
      const count = await file.transact((tx) => pruneSlice(tx, String(projectId), beforeMs));
      pruned += count;
      if (count < sliceRows) break;
    }
  }
  return pruned;
}

function pruneSlice(tx: WriteTransaction, projectId: string, beforeMs: number): number {
  // Not what stands behind the end: a chain that began there would never meet its end.
  const oldest = tx.all(
    `SELECT audit_events.seq, audit_events.hash, audit_events.received_at FROM audit_heads AS head JOIN audit_events USING (project_id)
     WHERE project_id = ? AND audit_events.seq > head.pruned_seq AND audit_events.seq <= head.seq ORDER BY audit_events.seq LIMIT ?`,
    [projectId, sliceRows],
  );
  const firstKept = oldest.findIndex((row) => Number(row[2]) >= beforeMs);
  const last = oldest[(firstKept === -1 ? oldest.length : firstKept) - 1];
  if (last === undefined) return 0;
  const [seq, hash] = last;
  tx.run("UPDATE audit_heads SET pruned_seq = ?, pruned_hash = ? WHERE project_id = ?", [seq ?? null, hash ?? null, projectId]);
  return tx.run("DELETE FROM audit_events WHERE project_id = ? AND seq <= ?", [projectId, seq ?? null]);
}
