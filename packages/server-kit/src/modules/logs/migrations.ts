// Tables of logs.db. Released migrations never change: a new need is a new version.
import type { Migration } from "@cuitty/storage/module-file";

export const migrations: readonly Migration[] = [
  {
    version: 1,
    name: "log records",
    statements: [
      `CREATE TABLE logs_events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        ts TEXT NOT NULL,
        ts_ms INTEGER NOT NULL,
        received_at INTEGER NOT NULL,
        is_skewed INTEGER NOT NULL DEFAULT 0,
        level TEXT NOT NULL,
        severity INTEGER NOT NULL,
        service TEXT,
        module TEXT,
        trace_id TEXT,
        data TEXT NOT NULL,
        meta TEXT,
        message TEXT GENERATED ALWAYS AS (data ->> '$.message') VIRTUAL
      ) STRICT`,
      "CREATE UNIQUE INDEX logs_events_id ON logs_events (project_id, id)",
      "CREATE INDEX logs_events_seq ON logs_events (project_id, seq)",
      // For retention, which looks at all projects at once.
      "CREATE INDEX logs_events_received ON logs_events (received_at)",
      "CREATE INDEX logs_events_ts ON logs_events (project_id, ts_ms)",
      "CREATE INDEX logs_events_warnings ON logs_events (project_id, ts_ms) WHERE severity >= 13",
      "CREATE INDEX logs_events_service ON logs_events (project_id, service, ts_ms) WHERE service IS NOT NULL",
      "CREATE INDEX logs_events_module ON logs_events (project_id, module, ts_ms) WHERE module IS NOT NULL",
      "CREATE INDEX logs_events_trace ON logs_events (project_id, trace_id) WHERE trace_id IS NOT NULL",
    ],
  },
];
