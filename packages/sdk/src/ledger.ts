// How a batch enters and leaves what the client holds. Each way out is counted once.
import { type Batch, seal } from "./batcher.ts";
import type { Core } from "./core.ts";
import type { DropReason } from "./stats.ts";
import { uuid } from "./uuid.ts";

/** Type of a sealed event. */
export const typeOf = (event: string): string => /"type":"(.*?)"/.exec(event)?.[1] ?? "unknown";

/** Seals the oldest events; undefined when nothing waits, or not even one fits. */
export function takeBatch(core: Core, most?: number, room?: number): Batch | undefined {
  const events = core.take(most, room);
  return events.length ? seal(events, uuid) : undefined;
}

/** Counts a batch into memory, or out of it (-1). */
export function hold({ held }: Core, { events, size }: Batch, sign = 1): void {
  held.events += sign * events.length;
  held.bytes += sign * size;
}

/** The batch leaves memory and spool. */
export function end(core: Core, batch: Batch): void {
  core.flying.delete(batch);
  hold(core, batch, -1);
  core.state.keeper?.forget(batch);
}

/** The batch leaves memory and spool, and its events are counted as lost. */
export function lose(core: Core, batch: Batch, reason: DropReason, message?: string): void {
  end(core, batch);
  for (const event of batch.events) core.stats.drop(reason, typeOf(event), message);
}

/** The server has the batch, but for those it refused (by index) with a reason. */
export function settle(core: Core, batch: Batch, refused: ReadonlyMap<number, string> = new Map()): void {
  const { counters, fire, drop } = core.stats;
  const accepted = batch.events.length - refused.size;
  end(core, batch);
  counters.sent += accepted;
  fire("sent", { key: batch.key, accepted, rejected: refused.size });
  for (const [index, reason] of refused) drop("rejected", typeOf(batch.events[index] as string), reason);
}
