// Counts what is stored, after the server that wrote it has ended.
import { join } from "node:path";
import Database from "better-sqlite3";

const tables: Readonly<Record<string, string>> = {
  logs: "logs_events",
  performance: "performance_events",
  repository: "repository_events",
  audit: "audit_events",
};

export function countRows(name: "kit" | "baseline", dataDir: string): number {
  let rows = 0;
  for (const [module, table] of Object.entries(tables)) {
    const db = new Database(join(dataDir, name === "kit" ? `${module}.db` : "baseline.db"));
    rows += db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
    db.close();
  }
  return rows;
}
