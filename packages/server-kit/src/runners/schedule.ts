// Runs something again and again: never twice at once, never keeping the process alive, stopped by close().
import { CuittyError } from "@cuitty/wire-protocol";
import type { KitFault } from "../options.ts";

export interface Task {
  readonly name: string;
  readonly everyMs: number;
  /** Up to this share of `everyMs` is added at random, so that many kits do not work at the same moment. @default 0.1 */
  readonly jitter?: number;
  run(signal: AbortSignal): Promise<void>;
}

export interface Scheduler {
  add(task: Task): void;
  /** Runs a task now, or joins the run that is under way. For tests and operators. Errors: `not_found`. */
  runNow(name: string): Promise<void>;
  /** Aborts what runs and waits for it. Idempotent. */
  close(): Promise<void>;
}

interface Scheduled {
  readonly task: Task;
  timer: ReturnType<typeof setTimeout> | undefined;
  running: Promise<void> | undefined;
}

/** With `isAutomatic` false tasks run only when `runNow` says so. */
export function createScheduler(onFault: (fault: KitFault) => void, isAutomatic = true): Scheduler {
  const entries = new Map<string, Scheduled>();
  const stop = new AbortController();

  function plan(entry: Scheduled): void {
    if (stop.signal.aborted || !isAutomatic) return;
    const { everyMs, jitter = 0.1 } = entry.task;
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => start(entry).finally(() => plan(entry)), everyMs * (1 + Math.random() * jitter));
    entry.timer.unref?.();
  }

  function start(entry: Scheduled): Promise<void> {
    entry.running ??= runSafely(entry).finally(() => {
      entry.running = undefined;
    });
    return entry.running;
  }

  async function runSafely({ task }: Scheduled): Promise<void> {
    try {
      await task.run(stop.signal);
    } catch (error) {
      if (!stop.signal.aborted) onFault({ source: task.name, error });
    }
  }

  return {
    add(task) {
      const entry: Scheduled = { task, timer: undefined, running: undefined };
      entries.set(task.name, entry);
      plan(entry);
    },
    async runNow(name) {
      const entry = entries.get(name);
      if (entry === undefined)
        throw new CuittyError("not_found", `Expected one of the tasks ${[...entries.keys()].join(", ")}, got ${JSON.stringify(name)}`);
      await start(entry);
    },
    async close() {
      stop.abort();
      for (const { timer } of entries.values()) clearTimeout(timer);
      await Promise.all([...entries.values()].map(({ running }) => running));
    },
  };
}
