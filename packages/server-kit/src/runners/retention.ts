// Retention: deletes what is older than its module keeps it, in small slices between the writes.

import type { ModuleFile } from "@cuitty/storage/module-file";
import type { Clock } from "../clock.ts";
import { keptMs } from "../ingest/known-keys.ts";
import type { RetentionRule } from "../module.ts";
import type { OpenModule } from "../modules.ts";

export interface RetentionOptions {
  readonly clock: Clock;
  /** Days by module name, instead of the module's own. */
  readonly days?: Readonly<Record<string, number>> | undefined;
  /** Told of each rule that fails; the others run all the same. Not told when the kit is closing. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

const sliceRows = 500;
const dayMs = 86_400_000;
const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Deletes expired rows and inbox keys of one module. Returns how many rows went. */
export async function applyRetention(module: OpenModule, options: RetentionOptions, signal: AbortSignal): Promise<number> {
  const { definition, file } = module;
  const nowMs = options.clock();
  let deleted = 0;
  // The inbox first: it waits for no rule of the module's own.
  await attempt(() => sweepInbox(file, nowMs - keptMs, signal));
  for (const rule of definition.retention) {
    const days = options.days?.[definition.name] ?? rule.days;
    if (days > 0) await attempt(() => prune(rule, nowMs - days * dayMs));
  }
  return deleted;

  async function prune(rule: RetentionRule, beforeMs: number): Promise<void> {
    deleted += await (rule.prune?.(file, beforeMs, signal) ?? deleteBefore(file, rule, { beforeMs, signal }));
  }

  async function attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (!signal.aborted) options.onFailure?.(error);
    }
  }
}

async function sweepInbox(file: ModuleFile, beforeMs: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await file.sweepInbox(beforeMs)) >= sliceRows) await nextTurn();
}

interface Slice {
  readonly beforeMs: number;
  readonly signal: AbortSignal;
}

async function deleteBefore(file: ModuleFile, rule: RetentionRule, { beforeMs, signal }: Slice): Promise<number> {
  // Names come from code, not from requests; a typing error there must not become SQL.
  if (!identifier.test(rule.table) || !identifier.test(rule.column))
    throw new TypeError(`Not a table and column: ${rule.table}.${rule.column}`);
  const sql = `DELETE FROM ${rule.table} WHERE rowid IN (SELECT rowid FROM ${rule.table} WHERE ${rule.column} < ? ORDER BY ${rule.column} LIMIT ${sliceRows})`;
  let deleted = 0;
  while (!signal.aborted) {
    const changes = await file.transact((tx) => tx.run(sql, [beforeMs]));
    deleted += changes;
    if (changes < sliceRows) break;
    await nextTurn();
  }
  return deleted;
}

/** Lets waiting batches go first. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
