// Stage: refuses a batch early when too much is in work, when the disk is nearly full or when the kit is closing.
import { CuittyError, LIMITS } from "@cuitty/wire-protocol";
import type { Stage } from "./stage.ts";

export interface ShedOptions {
  /** Batches in work at the same time. @default 1_000 */
  readonly maxInFlight?: number;
  /** Bytes of bodies in work at the same time, as declared; a body of unknown length counts as the largest. @default 134_217_728 */
  readonly maxInFlightBytes?: number;
  /** True while the kit is closing. */
  readonly isClosing?: () => boolean;
  /** True while there is room for more data. */
  readonly hasRoom?: () => boolean;
}

/** **Errors**: `overloaded`, `disk_full`, `shutting_down`. */
export function shed(options: ShedOptions = {}): Stage {
  const { maxInFlight = 1_000, maxInFlightBytes = 128 * 1024 * 1024, isClosing, hasRoom } = options;
  let inFlight = 0;
  let inFlightBytes = 0;
  return (context) => {
    if (isClosing?.()) throw new CuittyError("shutting_down", "The server is closing; send the same batch again", { retryable: true });
    if (hasRoom?.() === false)
      throw new CuittyError("disk_full", "The server has no room for more events now; send the same batch again later", {
        retryable: true,
      });
    const bytes = declaredBytes(context.exchange.header("content-length"));
    if (inFlight >= maxInFlight || (inFlight > 0 && inFlightBytes + bytes > maxInFlightBytes)) {
      // Spread, so that clients that were refused together do not come back together.
      const retryAfterSeconds = 1 + Math.floor(Math.random() * 4);
      throw new CuittyError("overloaded", "Too many batches are in work; send the same batch again", {
        retryable: true,
        details: { retryAfterSeconds },
      });
    }
    inFlight += 1;
    inFlightBytes += bytes;
    context.onReply(() => {
      inFlight -= 1;
      inFlightBytes -= bytes;
    });
  };
}

function declaredBytes(header: string | null): number {
  const bytes = header === null ? Number.NaN : Number(header);
  return Number.isInteger(bytes) && bytes >= 0 ? Math.min(bytes, LIMITS.batchBytes) : LIMITS.batchBytes;
}
