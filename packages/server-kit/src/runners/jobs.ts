// Runs a module's jobs when they are due, one runner at a time: a lease row in the module's file decides, also between processes.
import type { ModuleFile } from "@cuitty/storage/module-file";
import { isCuittyError } from "@cuitty/wire-protocol";
import type { Clock } from "../clock.ts";
import type { ModuleJob } from "../module.ts";
import type { OpenModule } from "../modules.ts";

export interface JobOptions {
  readonly clock: Clock;
  /** Names this runner in the lease. */
  readonly owner: string;
}

const leaseMs = 30_000;

const tableSql =
  "CREATE TABLE IF NOT EXISTS _jobs (name TEXT PRIMARY KEY, owner TEXT, leased_until INTEGER NOT NULL, last_run_at INTEGER NOT NULL) WITHOUT ROWID";
const claimSql = `INSERT INTO _jobs (name, owner, leased_until, last_run_at) VALUES (?, ?, ?, 0)
  ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, leased_until = excluded.leased_until
  WHERE leased_until <= ? AND last_run_at <= ?`;

/** Runs `job` if it is due and nobody else runs it. Returns whether it ran. A job that fails is due again at its next time. */
export async function runJob(module: OpenModule, job: ModuleJob, options: JobOptions & { readonly signal: AbortSignal }): Promise<boolean> {
  const { file } = module;
  const { clock, owner, signal } = options;
  const nowMs = clock();
  const claimed = await file.transact((tx) => {
    tx.run(tableSql);
    return tx.run(claimSql, [job.name, owner, nowMs + leaseMs, nowMs, nowMs - job.everyMs]);
  });
  if (claimed === 0) return false;
  const lost = new AbortController();
  const heartbeat = setInterval(() => void extend(file, job.name, options).then((isOurs) => isOurs || lose()), leaseMs / 3);
  heartbeat.unref?.();
  function lose(): void {
    clearInterval(heartbeat);
    lost.abort();
  }
  try {
    await job.run({ file, nowMs, signal: AbortSignal.any([signal, lost.signal]) });
    return true;
  } finally {
    clearInterval(heartbeat);
    const endSql = "UPDATE _jobs SET leased_until = 0, last_run_at = ? WHERE name = ? AND owner = ?";
    await file.transact((tx) => tx.run(endSql, [nowMs, job.name, owner]));
  }
}

/** False when the lease went to somebody else, after a pause longer than it, and when the kit has closed the file without the job. */
async function extend(file: ModuleFile, name: string, { clock, owner }: JobOptions): Promise<boolean> {
  try {
    return (
      (await file.transact((tx) =>
        tx.run("UPDATE _jobs SET leased_until = ? WHERE name = ? AND owner = ?", [clock() + leaseMs, name, owner]),
      )) > 0
    );
  } catch (error) {
    // The file is busy; the lease still runs.
    return !isCuittyError(error, "closed");
  }
}
