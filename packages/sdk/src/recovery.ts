// What a reply means for a batch: done, again, in halves, later, or lost. And when to leave a server alone.
import type { Batch } from "./batcher.ts";
import type { Core } from "./core.ts";
import { end, hold, lose, settle, typeOf } from "./ledger.ts";
import { bodyOverhead, maxBatchEvents } from "./limits.ts";
import { retryDelayMs, verdictOf } from "./retry.ts";
import type { Reply } from "./sender.ts";
import { later } from "./timer.ts";

const breakerMs = 8_000;
const maxBreakerMs = 300_000;

export function createRecovery(core: Core) {
  const { settings, stats, state, waiting, flying } = core;
  let stop = (): void => {};
  let isStopped = false;
  let isHasty = false;
  /** How long the breaker was opened for; 0 since the last success. */
  let openMs = 0;
  /** Most events of the next batch: what a server could not take at once is not sent at once again. */
  let most = maxBatchEvents;

  const onStop = (end: () => void): void => {
    stop = end;
  };

  /** Deals with a reply. True when the loop may go on; a batch that is still flying then waits again. */
  async function conclude(batch: Batch, reply: Reply): Promise<boolean> {
    const { status, message } = reply;
    if (isStopped && !status) return false;
    const verdict = verdictOf(status, reply.retryAfterMs);
    if (verdict === "retry") return retry(batch, reply);
    if (verdict === "pause") return trip(reply);
    if (openMs) stats.fire("breaker", { state: "closed", delayMs: 0, status });
    openMs = 0;
    if (verdict === "sent") {
      most = Math.min(maxBatchEvents, most * 1.1);
      settle(core, batch, reply.refused);
    } else if (verdict === "split" ? !split(batch) : status !== 400 || !purge(batch)) {
      lose(core, batch, verdict === "split" ? "too_large" : "http_4xx", message);
    }
    return true;
  }

  async function retry(batch: Batch, reply: Reply): Promise<boolean> {
    if (batch.tries++ >= settings.maxRetries) return giveUp(batch, reply);
    if (openMs || isHasty) return trip(reply);
    const delayMs = Math.max(retryDelayMs(batch.tries), reply.retryAfterMs ?? 0);
    stats.counters.retries++;
    stats.fire("retry", { key: batch.key, tries: batch.tries, delayMs, status: reply.status });
    await new Promise<void>((resolve) => {
      stop = resolve;
      later(resolve, delayMs);
    });
    return !isStopped;
  }

  function giveUp(batch: Batch, reply: Reply): false {
    batch.tries = 0;
    if (!state.keeper) lose(core, batch, "retries_exhausted", reply.message);
    else if (flying.delete(batch)) state.keeper.park(batch);
    return trip(reply);
  }

  /** Opens the breaker: nothing is sent for 8 s, then twice as long each time up to 5 minutes, or for as long as the server says. */
  function trip({ status, retryAfterMs = 0, message }: Reply): false {
    openMs = Math.min(maxBreakerMs, openMs * 2 || breakerMs);
    const delayMs = Math.max(openMs, retryAfterMs);
    state.openUntilMs = performance.now() + delayMs;
    stats.fire("breaker", { state: "open", delayMs, status });
    stats.log(`sending pauses for ${Math.round(delayMs)} ms: ${message}`, true);
    return false;
  }

  /** Makes two batches of one that is too large. False when it is one event. */
  function split(batch: Batch): boolean {
    const { events } = batch;
    const half = Math.ceil(events.length / 2);
    if (half === events.length) return false;
    most = half;
    replace(batch, [events.slice(0, half), events.slice(half)]);
    return true;
  }

  /** Takes out what is not JSON: raw events that a producer got wrong. False when all are. */
  function purge(batch: Batch): boolean {
    const good = batch.events.filter(isJson);
    if (good.length === batch.events.length) return false;
    for (const event of batch.events) if (!isJson(event)) stats.drop("unserializable", typeOf(event));
    replace(batch, good.length ? [good] : []);
    return true;
  }

  /** Puts parts in the place of a batch. They are stored before it is forgotten: a crash in between sends both, and event ids make that harmless. */
  function replace(batch: Batch, parts: readonly (readonly string[])[]): void {
    const children = parts.map((events, index) => childOf(batch, events, index));
    for (const child of children) {
      hold(core, child);
      if (batch.isStored) state.keeper?.store(child);
    }
    waiting.unshift(...children);
    end(core, batch);
  }

  /** What a request of at most `room` bytes can carry: the batch or, where it was never sent, its first events as a batch of their own. */
  function fit(batch: Batch, room: number): Batch | undefined {
    const { events, wire } = batch;
    if ((wire?.length ?? batch.size + bodyOverhead) <= room) return batch;
    if (wire) return undefined;
    const utf8 = new TextEncoder();
    let count = 0;
    for (let left = room - bodyOverhead; count < events.length; count++) {
      left -= utf8.encode(events[count]).length + 1;
      if (left < 0) break;
    }
    if (!count || count === events.length) return count ? batch : undefined;
    // Its first try has not begun, and must not begin any more.
    if (flying.has(batch)) interrupt();
    const index = waiting.indexOf(batch);
    if (index >= 0) waiting.splice(index, 1);
    replace(batch, [events.slice(0, count), events.slice(count)]);
    return waiting[0];
  }

  function interrupt(): void {
    isStopped = true;
    stop();
  }

  return {
    onStop,
    fit,
    conclude,
    most: (): number => most,
    /** Called when the loop starts. */
    begin(): void {
      isStopped = false;
    },
    /** Ends the request or wait under way; its batch waits again. */
    interrupt,
    /** Closes the breaker; in haste, the first failure opens it again. */
    hurry(inHaste: boolean): void {
      isHasty = inHaste;
      state.openUntilMs = openMs = 0;
    },
    /** Ends the haste. */
    relax(): void {
      isHasty = false;
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

/** A part of a batch as a batch of its own. Its key follows from the parent's, so a part that is made twice has one key. */
function childOf(parent: Batch, events: readonly string[], index: number): Batch {
  const number = (Number.parseInt(parent.key.slice(24), 16) * 2 + 1 + index) % 2 ** 48;
  return {
    key: parent.key.slice(0, 24) + number.toString(16).padStart(12, "0"),
    sealedAtMs: parent.sealedAtMs,
    events,
    size: Math.round((parent.size * events.length) / parent.events.length),
    tries: 0,
  };
}
