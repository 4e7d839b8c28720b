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
  {
    version: 2,
    name: "search in messages",
    statements: [
      // Empty and without cost until search is on. The words stay where they are, in `data`: the index holds only where they occur.
      `CREATE VIRTUAL TABLE logs_search USING fts5 (
        project_id, message, content = 'logs_events', content_rowid = 'seq', tokenize = 'unicode61 remove_diacritics 2'
      )`,
      // Records up to here are in the index, all of them and no others.
      "CREATE TABLE logs_search_range (to_seq INTEGER NOT NULL) STRICT",
      "INSERT INTO logs_search_range VALUES (0)",
      `CREATE TRIGGER logs_events_unindex AFTER DELETE ON logs_events WHEN old.seq <= (SELECT to_seq FROM logs_search_range) BEGIN
        INSERT INTO logs_search (logs_search, rowid, project_id, message) VALUES ('delete', old.seq, old.project_id, old.message);
      END`,
    ],
  },
  {
    version: 3,
    name: "search in messages through a view",
    statements: [
      // A generated column is worked out, and the JSON read for it, on each insert into a STRICT table, also where nobody searches.
      "DROP TRIGGER logs_events_unindex",
      "DROP TABLE logs_search",
      "ALTER TABLE logs_events DROP COLUMN message",
      // The project as one word: an id with hyphens would be several, each of them in every record.
      "CREATE VIEW logs_messages AS SELECT seq, hex(project_id) AS project, data ->> '$.message' AS message FROM logs_events",
      // Without the sizes of columns: results are ordered by receipt, not by rank.
      `CREATE VIRTUAL TABLE logs_search USING fts5 (
        project, message, content = 'logs_messages', content_rowid = 'seq', columnsize = 0, tokenize = 'unicode61 remove_diacritics 2'
      )`,
      // What was in the index is put in again in the background, while search is on.
      "UPDATE logs_search_range SET to_seq = 0",
      `CREATE TRIGGER logs_events_unindex AFTER DELETE ON logs_events WHEN old.seq <= (SELECT to_seq FROM logs_search_range) BEGIN
        INSERT INTO logs_search (logs_search, rowid, project, message)
          VALUES ('delete', old.seq, hex(old.project_id), old.data ->> '$.message');
      END`,
    ],
  },
];
