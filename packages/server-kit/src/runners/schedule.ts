// Runs something again and again: never twice at once, never keeping the process alive, stopped by close().
import { CuittyError } from "@cuitty/wire-protocol";
import type { KitFault } from "../options.ts";
import { settleWithin } from "./settle-within.ts";

/** Whether a task ran, was not due, or is under way in another process. */
export type TaskResult = "ran" | "not_due" | "elsewhere";

export interface Task {
  /** Several may share one: each runs by itself, and all of them when `runNow` says so. */
  readonly name: string;
  readonly everyMs: number;
  /** Up to this share of `everyMs` is added at random, so that many kits do not work at the same moment. @default 0.1 */
  readonly jitter?: number | undefined;
  /** `isAsked` when `runNow` said so. */
  run(signal: AbortSignal, isAsked: boolean): Promise<TaskResult>;
}

export interface Scheduler {
  add(task: Task): void;
  /**
   * Runs the tasks of a name now, due or not, or joins the runs that are under way. For tests and operators.
   * Errors: `not_found`, `busy` when another process has one under way, `shutting_down` after `close`.
   */
  runNow(name: string): Promise<void>;
  /** Aborts what runs and waits for it, for a bounded time. Idempotent. */
  close(): Promise<void>;
}

export interface SchedulerOptions {
  readonly onFault: (fault: KitFault) => void;
  /** When false, tasks run only when `runNow` says so. @default true */
  readonly isAutomatic?: boolean | undefined;
  /** Longest wait of `close` for what does not heed its signal; what becomes of that later is told to nobody. @default 10_000 */
  readonly drainTimeoutMs?: number | undefined;
}

interface Scheduled {
  readonly task: Task;
  timer: ReturnType<typeof setTimeout> | undefined;
  running: Promise<TaskResult> | undefined;
}

export function createScheduler({ onFault, isAutomatic = true, drainTimeoutMs = 10_000 }: SchedulerOptions): Scheduler {
  const entries: Scheduled[] = [];
  const stop = new AbortController();

  function plan(entry: Scheduled): void {
    if (stop.signal.aborted || !isAutomatic) return;
    const { everyMs, jitter = 0.1 } = entry.task;
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => start(entry, false).finally(() => plan(entry)), everyMs * (1 + Math.random() * jitter));
    entry.timer.unref?.();
  }

  function start(entry: Scheduled, isAsked: boolean): Promise<TaskResult> {
    entry.running ??= runSafely(entry, isAsked).finally(() => {
      entry.running = undefined;
    });
    return entry.running;
  }

  async function runSafely({ task }: Scheduled, isAsked: boolean): Promise<TaskResult> {
    try {
      return await task.run(stop.signal, isAsked);
    } catch (error) {
      if (!stop.signal.aborted) onFault({ source: task.name, error });
      return "ran";
    }
  }

  async function runAsked(entry: Scheduled): Promise<void> {
    let result = await entry.running;
    // A look that came before, and found nothing due, is no run.
    if (result === undefined || result === "not_due") result = await start(entry, true);
    if (result !== "elsewhere") return;
    const text = `Another process has ${entry.task.name} under way, or was stopped while it had; try again in a minute`;
    throw new CuittyError("busy", text, { retryable: true });
  }

  return {
    add(task) {
      const entry: Scheduled = { task, timer: undefined, running: undefined };
      entries.push(entry);
      plan(entry);
    },
    async runNow(name) {
      const named = entries.filter(({ task }) => task.name === name);
      if (named.length === 0) {
        const known = [...new Set(entries.map(({ task }) => task.name))].join(", ");
        throw new CuittyError("not_found", `Expected one of the tasks ${known}, got ${JSON.stringify(name)}`);
      }
      if (stop.signal.aborted) throw new CuittyError("shutting_down", "The kit is closed, or closing, and runs no task any more");
      await Promise.all(named.map(runAsked));
    },
    async close() {
      stop.abort();
      for (const { timer } of entries) clearTimeout(timer);
      const runs = entries.flatMap(({ running }) => running ?? []);
      await settleWithin(runs, { timeoutMs: drainTimeoutMs });
    },
  };
}
