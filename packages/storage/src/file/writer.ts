// The FIFO writer with group commit: whatever waits goes into one transaction, and nothing waits when the file is idle.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Driver } from "../engine/driver.ts";
import { closedError } from "../engine/errors.ts";
import { requireNumber } from "../engine/options.ts";
import { busyDelayMs, sleep } from "../engine/retry-busy.ts";
import { refusePromise } from "../engine/transaction-control.ts";
import { placeOf } from "./place.ts";
import type { WriteOptions } from "./types.ts";

/** Caps of one group: they bound how long one commit holds the thread. */
export const GROUP_ROWS = 1_600;
export const GROUP_BYTES = 4 * 1024 * 1024;

interface Job {
  readonly body: () => unknown;
  readonly rows: number;
  readonly bytes: number;
  /** `task` runs outside a transaction (VACUUM INTO, checks). */
  readonly mode: "grouped" | "alone" | "task";
  readonly queuedAt: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  stopListening: () => void;
}

interface Failure {
  readonly thrown: unknown;
}

export interface Writer {
  readonly queued: number;
  readonly totals: Readonly<{ commits: number; writes: number; rows: number }>;
  write<T>(body: () => T, options?: WriteOptions): Promise<T>;
  /** Runs `body` in its turn, outside any transaction. */
  task<T>(body: () => T): Promise<T>;
  /** Refuses new work and resolves when what was queued is done. */
  drain(): Promise<void>;
}

/** A writer over one connection. `busyTimeoutMs` bounds how long a job waits for a foreign lock; it stays in the queue meanwhile. */
export function createWriter(driver: Driver, busyTimeoutMs: number): Writer {
  const queue: Job[] = [];
  const place = placeOf(driver.path);
  const totals = { commits: 0, writes: 0, rows: 0 };
  let isClosing = false;
  let running: Promise<void> | undefined;

  function enqueue(body: () => unknown, mode: Job["mode"], options: WriteOptions): Promise<unknown> {
    const { rows = 1, bytes = 0, signal } = options;
    if (isClosing) return Promise.reject(closedError(driver.path));
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      checkWrite(body, options);
      const job: Job = { body, rows, bytes, mode, queuedAt: performance.now(), resolve, reject, stopListening: () => {} };
      if (signal !== undefined) listen(job, signal);
      queue.push(job);
      running ??= run();
    });
  }

  function listen(job: Job, signal: AbortSignal): void {
    const abort = () => {
      const at = queue.indexOf(job);
      if (at === -1) return;
      queue.splice(at, 1);
      job.reject(signal.reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    job.stopListening = () => signal.removeEventListener("abort", abort);
  }

  async function run(): Promise<void> {
    // After the poll phase: everything the event loop has received by then is in the queue. An idle loop turns at once.
    await new Promise<void>((done) => setImmediate(done));
    try {
      while (queue.length > 0) {
        await step();
        if (queue.length > 0) await new Promise<void>((done) => setImmediate(done));
      }
    } finally {
      running = undefined;
    }
  }

  async function step(): Promise<void> {
    if (queue[0]?.mode === "task") return runTask(take(1)[0] as Job);
    if (!(await begin())) return;
    const group = takeGroup();
    // Everyone stopped waiting while the lock was sought.
    if (group.length === 0) return driver.exec("ROLLBACK");
    const failure = tryGroup(group);
    if (failure === undefined) return;
    if (group.length === 1) return (group[0] as Job).reject(failure.thrown);
    for (const job of group) await runAlone(job);
  }

  function runTask(job: Job): void {
    try {
      job.resolve(job.body());
    } catch (error) {
      job.reject(error);
    }
  }

  function lock(): void {
    // Somebody's own transaction on the driver, which an asynchronous body keeps open: a lock like any other.
    if (driver.inTransaction) throw busyError(driver, busyTimeoutMs);
    driver.exec("BEGIN IMMEDIATE");
  }

  /** Takes the write lock; false when the queue has emptied, since jobs that waited too long for it are rejected. */
  async function begin(): Promise<boolean> {
    const since = performance.now();
    for (let attempt = 1; ; attempt++) {
      try {
        lock();
        return true;
      } catch (error) {
        const delay = busyDelayMs(attempt);
        rejectExpired(error, { since, delay });
        if (queue.length === 0 || queue[0]?.mode === "task") return false;
        await sleep(delay);
      }
    }
  }

  function rejectExpired(error: unknown, { since, delay }: { since: number; delay: number }): void {
    const isBusy = isCuittyError(error, "busy");
    const horizon = performance.now() + delay - busyTimeoutMs;
    const ends = (job: Job) => !isBusy || Math.max(job.queuedAt, since) <= horizon;
    for (let at = queue.findIndex(ends); at !== -1; at = queue.findIndex(ends)) {
      const [job] = queue.splice(at, 1) as [Job];
      job.stopListening();
      job.reject(isBusy ? busyError(driver, busyTimeoutMs, error) : error);
    }
  }

  function take(count: number): Job[] {
    const jobs = queue.splice(0, count);
    for (const job of jobs) job.stopListening();
    return jobs;
  }

  function takeGroup(): Job[] {
    let count = 0;
    let rows = 0;
    let bytes = 0;
    for (const job of queue) {
      if (count > 0 && (job.mode !== "grouped" || rows + job.rows > GROUP_ROWS || bytes + job.bytes > GROUP_BYTES)) break;
      count++;
      rows += job.rows;
      bytes += job.bytes;
      if (job.mode !== "grouped") break;
    }
    return take(count);
  }

  /** Runs the bodies and commits; returns what was thrown, be it nothing, after rolling everything back. */
  function tryGroup(group: readonly Job[]): Failure | undefined {
    const results: unknown[] = [];
    try {
      for (const job of group) {
        results.push(refusePromise(job.body()));
        if (!driver.inTransaction) throw new CuittyError("sql", "a write must not end the transaction it runs in");
      }
      place.assertKept();
      driver.exec("COMMIT");
    } catch (thrown) {
      if (driver.inTransaction) driver.exec("ROLLBACK");
      return { thrown };
    }
    totals.commits++;
    totals.writes += group.length;
    for (const [index, job] of group.entries()) {
      totals.rows += job.rows;
      job.resolve(results[index]);
    }
    return undefined;
  }

  async function runAlone(job: Job): Promise<void> {
    const deadline = performance.now() + busyTimeoutMs;
    for (let attempt = 1; ; attempt++) {
      let failure: Failure | undefined;
      try {
        lock();
        failure = tryGroup([job]);
      } catch (thrown) {
        failure = { thrown };
      }
      if (failure === undefined) return;
      const delay = busyDelayMs(attempt);
      if (!isCuittyError(failure.thrown, "busy") || performance.now() + delay > deadline) return job.reject(failure.thrown);
      await sleep(delay);
    }
  }

  return {
    get queued() {
      return queue.length;
    },
    totals,
    write: <T>(body: () => T, options: WriteOptions = {}) =>
      enqueue(body, options.alone === true ? "alone" : "grouped", options) as Promise<T>,
    task: <T>(body: () => T) => enqueue(body, "task", {}) as Promise<T>,
    async drain() {
      isClosing = true;
      while (running !== undefined) await running;
    },
  };
}

/** What TypeScript does not see; in the promise, as every failure of a write. Errors: `invalid_option`. */
function checkWrite(body: () => unknown, { rows = 1, bytes = 0, signal }: WriteOptions): void {
  if (typeof body !== "function") throw new CuittyError("invalid_option", `body: expected a function, got ${typeof body}`);
  requireNumber("rows", rows);
  requireNumber("bytes", bytes);
  if (signal === undefined || typeof signal?.addEventListener === "function") return;
  throw new CuittyError("invalid_option", `signal: expected an AbortSignal, got ${typeof signal}`);
}

function busyError(driver: Driver, timeoutMs: number, cause?: unknown): CuittyError {
  const { path } = driver;
  const text = driver.inTransaction
    ? `a transaction on the driver of ${path} was open for ${timeoutMs} ms; end it, or try again later`
    : `another process has held the write lock of ${path} for ${timeoutMs} ms; try again later`;
  return new CuittyError("busy", text, { retryable: true, details: { path, timeoutMs }, cause });
}
