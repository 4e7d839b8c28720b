// Runs a module's jobs when they are due, one runner at a time: a lease row in the module's file decides, also between processes.
import type { ModuleFile, WriteTransaction } from "@cuitty/storage/module-file";
import { isCuittyError } from "@cuitty/wire-protocol";
import type { Clock } from "../clock.ts";
import type { ModuleJob } from "../module.ts";
import type { OpenModule } from "../modules.ts";
import type { TaskResult } from "./schedule.ts";

export interface JobOptions {
  readonly clock: Clock;
  /** Names this runner in the lease. */
  readonly owner: string;
}

export interface JobRun extends JobOptions {
  readonly signal: AbortSignal;
  /** Whether somebody asked for this run: it need not be due. */
  readonly isAsked: boolean;
}

const leaseMs = 30_000;
/** A lease that ends later was taken before the clock was put back, by a runner that was stopped: it would hold the job back until the clock is there again. */
const longestLeaseMs = 10 * leaseMs;

const tableSql =
  "CREATE TABLE IF NOT EXISTS _jobs (name TEXT PRIMARY KEY, owner TEXT, leased_until INTEGER NOT NULL, last_run_at INTEGER NOT NULL) WITHOUT ROWID";
const claimSql = `INSERT INTO _jobs (name, owner, leased_until, last_run_at) VALUES (?, ?, ?, 0)
  ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, leased_until = excluded.leased_until
  WHERE (leased_until <= ? OR leased_until > ?) AND (? OR last_run_at <= ? OR last_run_at > ?)`;

/** Runs `job` if it is due, or asked for, and nobody else runs it. A job that fails is due again at its next time. */
export async function runJob(module: OpenModule, job: ModuleJob, options: JobRun): Promise<TaskResult> {
  const { file } = module;
  const { owner, signal } = options;
  const nowMs = options.clock();
  const result = await file.transact((tx) => claim(tx, job, { nowMs, ...options }));
  if (result !== "ran") return result;
  const lost = new AbortController();
  const heartbeat = setInterval(() => void extend(file, job.name, options).then((isOurs) => isOurs || lose()), leaseMs / 3);
  heartbeat.unref?.();
  function lose(): void {
    clearInterval(heartbeat);
    lost.abort();
  }
  try {
    await job.run({ file, nowMs, signal: AbortSignal.any([signal, lost.signal]) });
    return result;
  } finally {
    clearInterval(heartbeat);
    const endSql = "UPDATE _jobs SET leased_until = 0, last_run_at = ? WHERE name = ? AND owner = ?";
    await file.transact((tx) => tx.run(endSql, [nowMs, job.name, owner]));
  }
}

function claim(tx: WriteTransaction, { name, everyMs }: ModuleJob, run: JobRun & { readonly nowMs: number }): TaskResult {
  const { nowMs, owner, isAsked } = run;
  // A last run later than clocks of processes may differ was noted before the clock was put back: it says nothing.
  const latestMs = nowMs + Math.min(everyMs, leaseMs);
  tx.run(tableSql);
  const lease = [nowMs, nowMs + longestLeaseMs];
  if (tx.run(claimSql, [name, owner, nowMs + leaseMs, ...lease, isAsked ? 1 : 0, nowMs - everyMs, latestMs]) > 0) return "ran";
  const [leased] = tx.all("SELECT 1 FROM _jobs WHERE name = ? AND leased_until > ? AND leased_until <= ?", [name, ...lease]);
  return leased === undefined ? "not_due" : "elsewhere";
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
