// Tables of performance.db. Released migrations never change: a new need is a new version.
import type { Migration } from "@cuitty/storage/module-file";

export const migrations: readonly Migration[] = [
  {
    version: 1,
    name: "measurements",
    statements: [
      // One metric a row (metric, value, unit), or a whole snapshot (`metrics` in data, the three columns null).
      `CREATE TABLE performance_events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        ts TEXT NOT NULL,
        ts_ms INTEGER NOT NULL,
        received_at INTEGER NOT NULL,
        is_skewed INTEGER NOT NULL DEFAULT 0,
        service TEXT NOT NULL,
        process TEXT,
        metric TEXT,
        value REAL,
        unit TEXT,
        data TEXT NOT NULL,
        meta TEXT
      ) STRICT`,
      "CREATE UNIQUE INDEX performance_events_id ON performance_events (project_id, id)",
      "CREATE INDEX performance_events_seq ON performance_events (project_id, seq)",
      // For retention, which looks at all projects at once.
      "CREATE INDEX performance_events_received ON performance_events (received_at)",
      "CREATE INDEX performance_events_ts ON performance_events (project_id, ts_ms)",
      "CREATE INDEX performance_events_service ON performance_events (project_id, service, ts_ms)",
    ],
  },
];
