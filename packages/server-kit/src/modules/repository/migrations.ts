// Tables of repository.db. Released migrations never change: a new need is a new version.
import type { Migration } from "@cuitty/storage/module-file";

export const migrations: readonly Migration[] = [
  {
    version: 1,
    name: "commits, branches and tags",
    statements: [
      `CREATE TABLE repository_events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        project_id TEXT NOT NULL,
        id TEXT NOT NULL,
        ts TEXT NOT NULL,
        ts_ms INTEGER NOT NULL,
        received_at INTEGER NOT NULL,
        is_skewed INTEGER NOT NULL DEFAULT 0,
        provider TEXT NOT NULL,
        repo TEXT NOT NULL,
        kind TEXT NOT NULL,
        branch TEXT,
        commit_id TEXT,
        author TEXT,
        data TEXT NOT NULL,
        meta TEXT
      ) STRICT`,
      "CREATE UNIQUE INDEX repository_events_id ON repository_events (project_id, id)",
      "CREATE INDEX repository_events_seq ON repository_events (project_id, seq)",
      "CREATE INDEX repository_events_ts ON repository_events (project_id, ts_ms)",
      "CREATE INDEX repository_events_repo ON repository_events (project_id, repo, ts_ms)",
      "CREATE INDEX repository_events_commit ON repository_events (project_id, commit_id) WHERE commit_id IS NOT NULL",
    ],
  },
];
