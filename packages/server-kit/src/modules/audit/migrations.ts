// Tables of audit.db. Released migrations never change: a new need is a new version.
import type { Migration } from "@cuitty/storage/module-file";

export const migrations: readonly Migration[] = [
  {
    version: 1,
    name: "hash-chained entries",
    statements: [
      // `seq` counts 1, 2, 3 … within a project, without gaps, and is never used again: it is the place in the project's chain and in its live stream.
      `CREATE TABLE audit_events (
        row_id INTEGER PRIMARY KEY,
        project_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        id TEXT NOT NULL,
        ts TEXT NOT NULL,
        ts_ms INTEGER NOT NULL,
        received_at INTEGER NOT NULL,
        is_skewed INTEGER NOT NULL DEFAULT 0,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        resource TEXT NOT NULL,
        data TEXT NOT NULL,
        meta TEXT,
        prev_hash BLOB NOT NULL,
        hash BLOB NOT NULL
      ) STRICT`,
      // Two entries cannot follow the same one: a fork of the chain fails here whoever writes it.
      "CREATE UNIQUE INDEX audit_events_seq ON audit_events (project_id, seq)",
      "CREATE UNIQUE INDEX audit_events_id ON audit_events (project_id, id)",
      "CREATE INDEX audit_events_ts ON audit_events (project_id, ts_ms, seq)",
      "CREATE INDEX audit_events_actor ON audit_events (project_id, actor, ts_ms, seq)",
      "CREATE INDEX audit_events_action ON audit_events (project_id, action, ts_ms, seq)",
      "CREATE INDEX audit_events_resource ON audit_events (project_id, resource, ts_ms, seq)",
      // Where each chain ends, so that cut-off entries are noticed, and where it begins after old entries were pruned.
      `CREATE TABLE audit_heads (
        project_id TEXT PRIMARY KEY,
        seq INTEGER NOT NULL,
        hash BLOB NOT NULL,
        received_at INTEGER NOT NULL,
        pruned_seq INTEGER NOT NULL DEFAULT 0,
        pruned_hash BLOB NOT NULL
      ) STRICT, WITHOUT ROWID`,
    ],
  },
];
