// The one loop that delivers: when to send, what a reply means, and when to leave a server alone.
import { type Batch, maxBatchBytes } from "./batcher.ts";
import type { Ledger } from "./ledger.ts";
import type { Settings } from "./options.ts";
import { retryDelayMs, verdictOf } from "./retry.ts";
import type { Reply, Sender } from "./sender.ts";
import type { Stats } from "./stats.ts";

const idleMs = 250;
const breakerMs = 8_000;
const maxBreakerMs = 300_000;
const maxFlushRounds = 8;
const maxTimerMs = 2 ** 31 - 1;

export interface Delivery {
  readonly isOpen: boolean;
  /** Lets timers run. */
  start(): void;
  /** Called after each event that was added. */
  touch(): void;
  /** Sends everything added until now and most of what is added meanwhile. Ends early when the server cannot be reached; without patience, at the first failure. */
  flush(ms: number, isPatient?: boolean): Promise<void>;
  /** Ends the request or wait under way; its batch waits again. */
  interrupt(): void;
  close(): void;
}

export interface DeliveryParts {
  readonly settings: Settings;
  readonly stats: Stats;
  readonly ledger: Ledger;
  readonly sender: Sender;
}

export function createDelivery({ settings, stats, ledger, sender }: DeliveryParts): Delivery {
  const { queue } = ledger;
  let life = new AbortController();
  let isStarted = false;
  let isClosed = false;
  let isImpatient = false;
  let runner: Promise<void> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Events up to this one are due. */
  let goal = 0;
  let firstAtMs = 0;
  let lastAtMs = 0;
  /** How long the breaker stays open next time; 0 after a success. */
  let openMs = 0;
  let openUntilMs = 0;

  const isOpen = (): boolean => performance.now() < openUntilMs;
  const isDue = (): boolean =>
    queue.size >= settings.maxBufferSize || queue.bytes >= maxBatchBytes || (queue.peek()?.seq ?? Infinity) <= goal;

  function arm(ms: number): void {
    if (timer || !isStarted || isClosed) return;
    timer = setTimeout(tick, Math.min(Math.max(ms, 0), maxTimerMs));
    // A timer must not keep the host alive; browsers return a number.
    (timer as { unref?(): void }).unref?.();
  }

  function tick(): void {
    timer = undefined;
    const nowMs = performance.now();
    const dueMs = queue.size ? Math.min(lastAtMs + idleMs, firstAtMs + settings.flushInterval) - nowMs : Infinity;
    if (dueMs <= 0) {
      goal = ledger.seq;
      if (isOpen() || (settings.wal && runner)) ledger.parkQueue();
    }
    if (!isOpen()) void run();
    else arm(Math.min(openUntilMs - nowMs, dueMs > 0 ? dueMs : settings.flushInterval));
  }

  function run(): Promise<void> {
    runner ??= Promise.resolve()
      .then(loop)
      .catch((error: unknown) => stats.warn(`internal: ${String(error)}`))
      .then(() => {
        runner = undefined;
        firstAtMs = performance.now();
        if (isOpen()) arm(openUntilMs - firstAtMs);
        else if (queue.size) arm(idleMs);
      });
    return runner;
  }

  async function loop(): Promise<void> {
    while (!isClosed && !isOpen()) {
      const batch = await ledger.next(isDue);
      if (!batch) return;
      firstAtMs = performance.now();
      if (!(await deliver(batch))) return;
    }
  }

  /** True when the loop may go on with the next batch. */
  async function deliver(batch: Batch): Promise<boolean> {
    for (;;) {
      const { signal } = life;
      stats.counters.requests++;
      const reply = await sender.send(batch, signal);
      if (signal.aborted && !reply.status) return stop(batch);
      const verdict = verdictOf(reply.status, reply.retryAfterMs !== undefined);
      if (verdict === "pause") return stop(batch, reply);
      if (verdict !== "retry") return conclude(batch, reply, verdict);
      batch.tries++;
      if (batch.tries > settings.maxRetries) return giveUp(batch, reply);
      if (isImpatient || openMs) return stop(batch, reply);
      const delayMs = Math.max(retryDelayMs(batch.tries), reply.retryAfterMs ?? 0);
      stats.counters.retries++;
      stats.fire("retry", { key: batch.key, tries: batch.tries, delayMs, status: reply.status });
      await sleep(delayMs, signal);
      if (signal.aborted) return stop(batch);
    }
  }

  function conclude(batch: Batch, reply: Reply, verdict: "sent" | "split" | "drop"): true {
    if (openMs) stats.fire("breaker", { state: "closed", delayMs: 0, status: reply.status });
    openMs = 0;
    if (verdict === "sent") ledger.settle(batch, reply.rejected);
    else if (verdict === "split" ? !ledger.split(batch) : reply.status !== 400 || !ledger.purge(batch)) {
      ledger.lose(batch, verdict === "split" ? "too_large" : "http_4xx", `${reply.status} ${reply.message ?? ""}`);
    }
    return true;
  }

  function giveUp(batch: Batch, reply: Reply): false {
    batch.tries = 0;
    if (!ledger.park(batch)) ledger.lose(batch, "retries_exhausted", reply.message ?? `${reply.status}`);
    return trip(reply);
  }

  /** The batch waits again; with a reply the breaker opens. */
  function stop(batch: Batch, reply?: Reply): false {
    ledger.putBack(batch);
    return reply ? trip(reply) : false;
  }

  function trip({ status, retryAfterMs, message }: Reply): false {
    openMs = Math.min(maxBreakerMs, openMs * 2 || breakerMs);
    const delayMs = Math.max(openMs, retryAfterMs ?? 0);
    openUntilMs = performance.now() + delayMs;
    stats.fire("breaker", { state: "open", delayMs, status });
    stats.warn(`sending pauses for ${Math.round(delayMs / 1_000)} s: ${status || ""} ${message ?? ""}`);
    return false;
  }

  return {
    get isOpen() {
      return isOpen();
    },
    start() {
      isStarted = true;
      // The first tick also looks for batches of an earlier process.
      arm(0);
    },
    touch() {
      lastAtMs = performance.now();
      if (queue.size === 1) firstAtMs = lastAtMs;
      if (!isStarted) return;
      if (!timer) arm(Math.min(idleMs, settings.flushInterval));
      if (!runner && isDue() && !isOpen()) void run();
    },
    async flush(ms, isPatient = true) {
      let isLate = false;
      let giveUpWaiting: (() => void) | undefined;
      // The only timer that holds the process, for as long as somebody waits.
      const late = new Promise<void>((resolve) => {
        giveUpWaiting = resolve;
      });
      const deadline = setTimeout(
        () => {
          isLate = true;
          giveUpWaiting?.();
        },
        Math.min(ms, maxTimerMs),
      );
      isImpatient = !isPatient;
      openUntilMs = openMs = 0;
      for (let round = 0; round < maxFlushRounds && !isLate && !isOpen(); round++) {
        goal = ledger.seq;
        await Promise.race([run(), late]);
        if (!queue.size && !ledger.waiting.length) break;
      }
      isImpatient = false;
      clearTimeout(deadline);
    },
    interrupt() {
      life.abort();
      life = new AbortController();
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
      life.abort();
    },
  };
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    (timer as { unref?(): void }).unref?.();
    signal.addEventListener("abort", wake);
  });
}
