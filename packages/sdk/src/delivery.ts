// The one loop that delivers: when to send, what a reply means, and when to leave a server alone.
import { type Batch, childOf, typeOf } from "./batcher.ts";
import { createBuffer, maxBatchBytes } from "./buffer.ts";
import type { Keeper } from "./keeper.ts";
import type { Settings } from "./options.ts";
import { retryDelayMs, verdictOf } from "./retry.ts";
import type { Reply, Send } from "./sender.ts";
import type { DropReason, Stats } from "./stats.ts";
import { later } from "./timer.ts";

const idleMs = 250;
const pollMs = 1_000;
const breakerMs = 8_000;
const maxBreakerMs = 300_000;
const maxFlushRounds = 8;

export type Delivery = ReturnType<typeof createDelivery>;

export function createDelivery(settings: Settings, stats: Stats, send: Send) {
  const { counters, drop, fire, warn } = stats;
  const { held, queued, push, take, limit } = createBuffer(stats, parkQueue);
  /** Sealed batches in memory: those that wait, and those on their way. */
  const waiting: Batch[] = [];
  const flying = new Set<Batch>();
  let keeper: Keeper | undefined;
  let opening: Promise<void> | undefined;
  let runner: Promise<void> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Ends the request or wait under way. */
  let stop = (): void => undefined;
  let isStopped = false;
  let isStarted = false;
  let isClosed = false;
  let isPatient = true;
  /** Events at the head of the queue that are due whatever their number. */
  let due = 0;
  let firstAtMs = 0;
  let lastAtMs = 0;
  /** How long the breaker was opened for; 0 since the last success. */
  let openMs = 0;
  let openUntilMs = 0;

  const now = (): number => performance.now();
  const isOpen = (): boolean => now() < openUntilMs;
  const isDue = (): boolean => due > 0 || queued.events >= settings.maxBufferSize || queued.bytes >= maxBatchBytes;

  function arm(ms: number): void {
    if (isStarted && !isClosed) timer ??= later(tick, ms);
  }

  function tick(): void {
    timer = undefined;
    const waitMs = queued.events && Math.min(lastAtMs + idleMs, firstAtMs + settings.flushInterval) - now();
    if (waitMs > 0) return arm(waitMs);
    due = queued.events;
    // A batch that must survive a kill is sealed when it is due, not when the server has time for it.
    if (isOpen() || settings.isWal) parkQueue();
    if (isOpen()) arm(Math.min(openUntilMs - now(), keeper ? pollMs : Infinity));
    else run();
  }

  function run(): Promise<void> {
    runner ??= Promise.resolve()
      .then(loop)
      .catch((error) => warn(`internal: ${error}`))
      .then(() => {
        runner = undefined;
        firstAtMs = now();
        if (held.events || isOpen()) arm(idleMs);
      });
    return runner;
  }

  async function loop(): Promise<void> {
    isStopped = false;
    await opening;
    for (let goesOn = true; goesOn && !isClosed && !isOpen(); ) {
      const batch = waiting.shift() ?? (await claim()) ?? sealDue();
      if (!batch) return;
      flying.add(batch);
      if (settings.isWal) await keeper?.store(batch);
      goesOn = await deliver(batch);
      if (flying.delete(batch)) waiting.unshift(batch);
    }
  }

  async function claim(): Promise<Batch | undefined> {
    const batch = await keeper?.claim((key) => [...flying, ...waiting].some((other) => other.key === key), isDue());
    if (batch) hold(batch);
    return batch;
  }

  function sealDue(): Batch | undefined {
    const batch = isDue() ? take() : undefined;
    due = batch ? due - batch.events.length : 0;
    return batch;
  }

  function hold({ events, size }: Batch): void {
    held.events += events.length;
    held.bytes += size;
  }

  function release({ events, size }: Batch): void {
    held.events -= events.length;
    held.bytes -= size;
  }

  function end(batch: Batch): void {
    flying.delete(batch);
    release(batch);
    keeper?.forget(batch);
  }

  function lose(batch: Batch, reason: DropReason, message?: string): void {
    end(batch);
    for (const event of batch.events) drop(reason, typeOf(event), message);
  }

  function parkQueue(): void {
    for (let batch = keeper && take(); batch; batch = take()) keeper?.park(batch, waiting, release);
  }

  /** Puts parts in the place of a batch. They are stored before it is forgotten: a crash in between sends both, and event ids make that harmless. */
  function replace(batch: Batch, ...parts: readonly (readonly string[])[]): true {
    const children = parts.filter((part) => part.length).map((part, index) => childOf(batch, part, index));
    children.forEach(hold);
    if (batch.isStored) for (const child of children) keeper?.store(child);
    waiting.unshift(...children);
    end(batch);
    return true;
  }

  /** Delivers with retries. True when the loop may go on; a batch that is still flying then waits again. */
  async function deliver(batch: Batch): Promise<boolean> {
    for (;;) {
      counters.requests++;
      const reply = await send(batch, (abort) => {
        stop = abort;
      });
      const { status, retryAfterMs } = reply;
      if (isStopped && !status) return false;
      const verdict = verdictOf(status, retryAfterMs);
      if (verdict === "pause") return trip(reply);
      if (verdict !== "retry") return conclude(batch, reply, verdict);
      if (batch.tries++ >= settings.maxRetries) return giveUp(batch, reply);
      if (openMs || !isPatient) return trip(reply);
      const delayMs = Math.max(retryDelayMs(batch.tries), retryAfterMs ?? 0);
      counters.retries++;
      fire("retry", { key: batch.key, tries: batch.tries, delayMs, status });
      await new Promise<void>((resolve) => {
        stop = resolve;
        later(resolve, delayMs);
      });
      if (isStopped) return false;
    }
  }

  function conclude(batch: Batch, { status, rejected, message }: Reply, verdict: "sent" | "split" | "drop"): true {
    if (openMs) fire("breaker", { state: "closed", delayMs: 0, status });
    openMs = 0;
    if (verdict === "sent") return settle(batch, rejected ?? []);
    const { events } = batch;
    const half = Math.ceil(events.length / 2);
    if (verdict === "split" && half < events.length) {
      limit(half);
      return replace(batch, events.slice(0, half), events.slice(half));
    }
    const good = status === 400 ? events.filter(isJson) : events;
    if (good.length < events.length) {
      for (const event of events) if (!isJson(event)) drop("unserializable", typeOf(event));
      return replace(batch, good);
    }
    lose(batch, verdict === "split" ? "too_large" : "http_4xx", message);
    return true;
  }

  function settle(batch: Batch, rejected: NonNullable<Reply["rejected"]>): true {
    end(batch);
    limit(Infinity);
    let accepted = batch.events.length;
    for (const [index, reason] of new Map(rejected.map((one) => [one?.index, one?.reason]))) {
      const event = batch.events[index];
      if (event === undefined) continue;
      accepted--;
      drop("rejected", typeOf(event), reason);
    }
    counters.sent += accepted;
    fire("sent", { key: batch.key, accepted, rejected: batch.events.length - accepted });
    return true;
  }

  function giveUp(batch: Batch, reply: Reply): false {
    batch.tries = 0;
    if (!keeper) lose(batch, "retries_exhausted", reply.message);
    else if (flying.delete(batch)) keeper.park(batch, waiting, release);
    return trip(reply);
  }

  function trip({ status, retryAfterMs = 0, message }: Reply): false {
    openMs = Math.min(maxBreakerMs, openMs * 2 || breakerMs);
    const delayMs = Math.max(openMs, retryAfterMs);
    openUntilMs = now() + delayMs;
    fire("breaker", { state: "open", delayMs, status });
    warn(`sending pauses for ${delayMs} ms: ${message}`);
    return false;
  }

  return {
    push,
    isOpen,
    /** Events held in memory or left to the spool. */
    pending: () => held.events + (keeper?.events ?? 0),
    bytes: () => held.bytes,
    /** Lets timers run; the first tick also looks for batches of an earlier process. */
    start() {
      isStarted = true;
      arm(0);
    },
    /** Called after each push. */
    touch() {
      lastAtMs = now();
      if (queued.events === 1) firstAtMs = lastAtMs;
      arm(Math.min(idleMs, settings.flushInterval));
      if (isStarted && !runner && isDue() && lastAtMs >= openUntilMs) run();
    },
    /** Sends everything pushed until now and most of what comes meanwhile. Ends early when the server cannot be reached; without patience, at the first failure. */
    async flush(ms: number, mayRetry = true) {
      let isLate = false;
      let timer: ReturnType<typeof setTimeout> | undefined;
      // The only timer that holds the process: somebody waits.
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(() => {
          isLate = true;
          resolve();
        }, ms);
      });
      isPatient = mayRetry;
      openUntilMs = openMs = 0;
      for (let round = 0; round < maxFlushRounds && !isLate && !isOpen(); round++) {
        due = queued.events;
        await Promise.race([run(), late]);
        if (!queued.events && !waiting.length) break;
      }
      isPatient = true;
      clearTimeout(timer);
    },
    /** Ends the request or wait under way; its batch waits again. */
    interrupt() {
      isStopped = true;
      stop();
    },
    /** Seals everything and writes it to the spool at once; does nothing without one. */
    spill() {
      for (let batch = keeper && take(); batch; batch = take()) waiting.push(batch);
      for (const batch of [...flying, ...waiting]) keeper?.store(batch);
    },
    useSpool(opened: Keeper | Promise<Keeper>) {
      const install = (given: Keeper): void => {
        keeper = given;
      };
      if ("then" in opened) opening = opened.then(install, (error) => warn(`the spool cannot be opened: ${error}`));
      else install(opened);
    },
    /** Ends all work. What the spool does not take is lost. */
    async close() {
      isClosed = isStopped = true;
      clearTimeout(timer);
      stop();
      await opening;
      for (let batch = take(); batch; batch = take()) waiting.push(batch);
      for (const batch of [...flying, ...waiting]) if (!(await keeper?.store(batch))) lose(batch, "closed");
    },
  };
}

function isJson(text: string): boolean {
  try {
    return !!JSON.parse(text);
  } catch {
    return false;
  }
}
