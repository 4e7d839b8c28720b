// The hand-written inserts of the baseline: one prepared statement a table, one run a row.
import { createHash } from "node:crypto";
import type { Database } from "better-sqlite3";

interface WireEvent {
  readonly type: string;
  readonly ts: string;
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Inserts one event; returns how many rows were new. */
export type Inserter = (project: string, event: WireEvent, now: number) => number;

export interface Inserters {
  readonly byType: ReadonlyMap<string, Inserter>;
  /** Writes the end of the audit chain, once a transaction. */
  finish(project: string, now: number): void;
}

const severities: Readonly<Record<string, number>> = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 };

const common = "project_id, id, ts, ts_ms, received_at, data";

export function createInserters(db: Database): Inserters {
  const prepare = (table: string, columns: string) => {
    const names = `${common}, ${columns}`;
    return db.prepare(`INSERT INTO ${table} (${names}) VALUES (${names.replace(/[^,]+/g, "?")}) ON CONFLICT DO NOTHING`);
  };
  const log = prepare("logs_events", "level, severity, service, module, trace_id");
  const performance = prepare("performance_events", "service, process, metric, value, unit");
  const repository = prepare("repository_events", "provider, repo, kind, branch, commit_id, author");
  const audit = prepare("audit_events", "seq, actor, action, resource, prev_hash, hash");
  const selectHead = db.prepare("SELECT seq, hash FROM audit_heads WHERE project_id = ?");
  const upsertHead = db.prepare(
    "INSERT INTO audit_heads (project_id, seq, hash, received_at, pruned_hash) VALUES (?, ?, ?, ?, x'00') ON CONFLICT (project_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, received_at = excluded.received_at",
  );
  let head: { seq: number; hash: Buffer } | undefined;

  const first = (project: string, event: WireEvent, now: number) => {
    const at = new Date(event.ts);
    return [project, event.id, at.toISOString(), at.getTime(), now, JSON.stringify(event.data)];
  };

  const byType = new Map<string, Inserter>([
    [
      "log",
      (project, event, now) => {
        const { level, service, module, traceId } = event.data;
        const severity = severities[String(level)] ?? 9;
        return log.run(...first(project, event, now), level, severity, service ?? null, module ?? null, traceId ?? null).changes;
      },
    ],
    [
      "performance",
      (project, event, now) => {
        const { service, process, metric, value, unit } = event.data;
        return performance.run(...first(project, event, now), service, process ?? null, metric ?? null, value ?? null, unit ?? null)
          .changes;
      },
    ],
    [
      "repository",
      (project, event, now) => {
        const { provider, repo, branch, commit, author } = event.data;
        return repository.run(...first(project, event, now), provider, repo, "commit", branch ?? null, commit ?? null, author ?? null)
          .changes;
      },
    ],
    [
      "audit",
      (project, event, now) => {
        head ??= (selectHead.get(project) as { seq: number; hash: Buffer } | undefined) ?? { seq: 0, hash: Buffer.alloc(32) };
        const { actor, action, resource } = event.data;
        const values = first(project, event, now);
        const hash = createHash("sha256").update(head.hash).update(`${project}\n${event.id}\n${event.ts}\n${values[5]}`).digest();
        const { changes } = audit.run(...values, head.seq + 1, actor, action, resource, head.hash, hash);
        if (changes === 1) head = { seq: head.seq + 1, hash };
        return changes;
      },
    ],
  ]);
  return {
    byType,
    finish(project, now) {
      if (head !== undefined) upsertHead.run(project, head.seq, head.hash, now);
      head = undefined;
    },
  };
}
