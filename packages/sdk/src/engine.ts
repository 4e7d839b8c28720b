// The engine: one loop that delivers what is due, with its timers, flush and shutdown. Loaded when a client starts, so that a page need not wait for it.
import type { Batch } from "./batcher.ts";
import type { FlushResult } from "./client.ts";
import type { Core, Engine } from "./core.ts";
import { lose, settle, takeBatch } from "./ledger.ts";
import { bodyOverhead, maxBatchBytes } from "./limits.ts";
import { inTime } from "./patience.ts";
import { createRecovery } from "./recovery.ts";
import type { Platform } from "./runtime.ts";
import { createSend } from "./sender.ts";
import { later, maxDelayMs } from "./timer.ts";

const idleMs = 250;
const pollMs = 1_000;
const maxFlushRounds = 8;
/** Of the time that shutdown has, where a spool needs some of it for the rest. */
const flushShare = 0.8;

export function createEngine(core: Core, platform: Platform): Engine {
  const { settings, stats, state, held, waiting, flying, count, bytes, pending } = core;
  const { counters } = stats;
  const send = createSend(settings, platform);
  const recovery = createRecovery(core);
  const isWal = settings.durability === "wal";
  let opening = settings.spool ? openSpool() : undefined;
  let runner: Promise<void> | undefined;
  let closing: Promise<FlushResult> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let soon: ReturnType<typeof setTimeout> | undefined;
  /** Events at the head of the queue that are due whatever their number. */
  let due = 0;
  let firstAtMs = 0;
  let lastAtMs = 0;

  /** Where opening is not asynchronous, the spool is there at once; where it takes too long, the spool comes in when it is there. */
  async function openSpool(): Promise<void> {
    try {
      await inTime(platform.openSpool(core), () => stats.log("the spool does not open", true));
    } catch (error) {
      stats.log("the spool cannot be opened", true, error);
    }
  }

  const now = (): number => performance.now();
  const isOpen = (): boolean => now() < state.openUntilMs;
  const isDue = (): boolean => due > 0 || count() >= settings.maxBufferSize || bytes() >= maxBatchBytes;

  function arm(ms: number): void {
    if (state.isStarted && !state.isClosed) timer ??= later(tick, ms);
  }

  function tick(): void {
    timer = undefined;
    const dueMs = count() ? Math.min(lastAtMs + idleMs, firstAtMs + settings.flushInterval) - now() : 0;
    const openMs = state.openUntilMs - now();
    // With a spool, events wait there for a server that is away; to survive a kill, they also do while it is busy.
    if (dueMs <= 0 && (openMs > 0 || (isWal && runner))) state.keeper?.absorb();
    if (openMs > 0) arm(state.keeper ? Math.min(openMs, pollMs) : openMs);
    else if (dueMs > 0) arm(dueMs);
    else void run(true);
  }

  function run(isAll?: boolean): Promise<void> {
    if (isAll) due = count();
    runner ??= loop()
      .catch((error) => stats.log("internal", true, error))
      .then(() => {
        runner = undefined;
        firstAtMs = now();
        if (held.events || (state.keeper && isOpen())) arm(idleMs);
      });
    return runner;
  }

  async function loop(): Promise<void> {
    await opening;
    opening = undefined;
    recovery.begin();
    for (let goesOn = true; goesOn && !state.isClosed && !isOpen(); ) {
      const batch = waiting.shift() ?? (await state.keeper?.claim(isDue())) ?? takeDue();
      if (!batch) return;
      flying.add(batch);
      goesOn = await deliver(batch);
      if (flying.delete(batch)) waiting.unshift(batch);
    }
  }

  function takeDue(): Batch | undefined {
    const batch = isDue() ? takeBatch(core, recovery.most()) : undefined;
    due = batch ? due - batch.events.length : 0;
    return batch;
  }

  /** One try. True when the loop may go on; a batch that is still flying then waits again. */
  async function deliver(batch: Batch): Promise<boolean> {
    if (isWal) await state.keeper?.secure(batch);
    // A page's last requests may take it apart, or settle it, at any time.
    if (!flying.has(batch)) return false;
    counters.requests++;
    const reply = await send(batch, recovery.onStop);
    return !flying.has(batch) || recovery.conclude(batch, reply);
  }

  /** Seals what is queued, stores everything and gives the spool time to finish. Resolves with what it has. Units: ms. */
  async function keep(ms: number): Promise<Set<Batch>> {
    const stored = new Set<Batch>();
    const { keeper } = state;
    for (let batch = takeBatch(core); batch; batch = takeBatch(core)) waiting.push(batch);
    const store = async (batch: Batch): Promise<void> => {
      if (await keeper?.store(batch)) stored.add(batch);
    };
    let deadline: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise((resolve) => {
      deadline = setTimeout(resolve, Math.min(ms, maxDelayMs));
    });
    const all = Promise.all([...flying, ...waiting].map(store));
    await Promise.race([all.then(() => keeper?.settled()), late]);
    clearTimeout(deadline);
    return stored;
  }

  function flush(ms: number, isHasty = false): Promise<FlushResult> {
    recovery.hurry(isHasty);
    return drain(ms).finally(recovery.relax);
  }

  async function drain(ms: number): Promise<FlushResult> {
    const { sent, rejected, dropped } = counters;
    let isLate = false;
    let deadline: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      const stop = (): void => {
        isLate = true;
        resolve();
      };
      // The only timer that holds the process: somebody waits.
      deadline = setTimeout(stop, Math.min(ms, maxDelayMs));
    });
    for (let round = 0; round < maxFlushRounds && !isLate && !isOpen(); round++) {
      await Promise.race([run(true), late]);
      if (!count() && !waiting.length) break;
    }
    clearTimeout(deadline);
    return { sent: counters.sent - sent, pending: pending(), dropped: counters.dropped + counters.rejected - dropped - rejected };
  }

  async function shutdown(ms: number): Promise<FlushResult> {
    const endMs = now() + ms;
    const result = await flush(settings.spool ? ms * flushShare : ms);
    const lostBefore = counters.dropped;
    state.isClosed = true;
    clearTimeout(timer);
    recovery.interrupt();
    const stored = await keep(Math.max(endMs - now(), 0));
    for (const batch of [...flying, ...waiting]) {
      if (stored.has(batch)) continue;
      // What a spool that hangs may still come to write is left there.
      batch.isStored = false;
      lose(core, batch, "closed");
    }
    try {
      state.detach?.();
    } catch (error) {
      stats.log("the spool failed", true, error);
    }
    return { ...result, pending: pending(), dropped: result.dropped + counters.dropped - lostBefore };
  }

  /** Sends what fits into a page's last requests; the rest goes to the spool, if there is one. */
  function leave(): void {
    // Also what is being compressed or waits for its retry; the oldest first.
    for (const batch of [...flying, ...waiting]) if (!batch.isKept) sendLast(recovery.fit(batch, platform.room()));
    const next = (): Batch | undefined => takeBatch(core, recovery.most(), platform.room() - bodyOverhead);
    for (let batch = next(); batch; batch = next()) sendLast(batch);
    for (const batch of [...flying, ...waiting]) state.keeper?.store(batch);
    state.keeper?.absorb();
  }

  /** The loop, where it has this batch under way, goes on beside this: the same key makes a second try harmless. */
  function sendLast(batch: Batch | undefined): void {
    if (!batch) return;
    const isAlone = !flying.has(batch);
    const index = waiting.indexOf(batch);
    if (index >= 0) waiting.splice(index, 1);
    flying.add(batch);
    batch.isKept = true;
    void send(batch, undefined, true).then(({ status, refused }) => {
      batch.isKept = false;
      if (!flying.has(batch)) return;
      if (status > 199 && status < 300) settle(core, batch, refused);
      else if (isAlone && flying.delete(batch)) waiting.unshift(batch);
    });
  }

  return {
    flush,
    drain,
    leave() {
      core.gather();
      leave();
    },
    interrupt: recovery.interrupt,
    keep,
    shutdown: (ms) => (closing ??= shutdown(ms)),
    touch() {
      if (state.isLeaving) leave();
      lastAtMs = now();
      if (count() < 2) firstAtMs = lastAtMs;
      arm(Math.min(idleMs, settings.flushInterval));
      if (state.isStarted && !runner && !soon && isDue() && lastAtMs > state.openUntilMs) {
        // Not in this turn: what else a burst emits comes along, in half as many requests.
        soon = later(() => {
          soon = undefined;
          void run();
        }, 0);
      }
    },
  };
}
