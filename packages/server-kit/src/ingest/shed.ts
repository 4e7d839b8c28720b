// Stage: refuses a batch early when too much is in work, when the disk is nearly full or when the kit is closing.
import { CuittyError, LIMITS } from "@cuitty/wire-protocol";
import type { Stage } from "./stage.ts";

export interface ShedOptions {
  /** Batches in work at the same time; a publishable key gets a quarter of it, all of them together half. @default 1_000 */
  readonly maxInFlight?: number;
  /**
   * Bytes of bodies in work at the same time, as declared; a body of unknown length counts as the largest. Shared out to publishable keys as
   * `maxInFlight` is. @default 134_217_728
   */
  readonly maxInFlightBytes?: number;
  /** True while the kit is closing. */
  readonly isClosing?: () => boolean;
  /** True while there is room for more data. */
  readonly hasRoom?: () => boolean;
}

/** What is in work, and how much of it may be. */
interface Load {
  batches: number;
  bytes: number;
  readonly maxBatches: number;
  readonly maxBytes: number;
}

/** **Errors**: `overloaded`, `disk_full`, `shutting_down`. */
export function shed(options: ShedOptions = {}): Stage {
  const { isClosing, hasRoom } = options;
  const loadsOf = createLoads(options);
  return (context) => {
    if (isClosing?.()) throw new CuittyError("shutting_down", "The server is closing; send the same batch again", { retryable: true });
    if (hasRoom?.() === false)
      throw new CuittyError("disk_full", "The server has no room for more events now; send the same batch again later", {
        retryable: true,
      });
    const { exchange } = context;
    const bytes = declaredBytes(exchange.header("content-length"));
    const { loads, end } = loadsOf(publishableKeyOf(exchange.header("authorization")));
    if (!loads.every((load) => fits(load, bytes))) {
      end?.();
      // Spread, so that clients that were refused together do not come back together.
      const retryAfterSeconds = 1 + Math.floor(Math.random() * 4);
      throw new CuittyError("overloaded", "Too many batches are in work; send the same batch again", {
        retryable: true,
        details: { retryAfterSeconds },
      });
    }
    for (const load of loads) add(load, 1, bytes);
    context.onReply(() => {
      for (const load of loads) add(load, -1, -bytes);
      end?.();
    });
  };
}

interface Loads {
  readonly loads: readonly Load[];
  /** To be called when their batch has ended, or has not begun. */
  readonly end?: () => void;
}

/** Anybody can read a publishable key in a page: slow uploads with it must leave room for everybody else. */
function createLoads({ maxInFlight = 1_000, maxInFlightBytes = 128 * 1024 * 1024 }: ShedOptions): (key: string | null) => Loads {
  const share = (part: number): Load => ({
    batches: 0,
    bytes: 0,
    maxBatches: Math.ceil(maxInFlight * part),
    maxBytes: maxInFlightBytes * part,
  });
  const whole = share(1);
  const published = share(0.5);
  const loadByKey = new Map<string, Load>();
  const ofOthers: Loads = { loads: [whole] };
  return (key) => {
    if (key === null) return ofOthers;
    const own = loadByKey.get(key) ?? share(0.25);
    loadByKey.set(key, own);
    const end = () => {
      if (own.batches === 0) loadByKey.delete(key);
    };
    return { loads: [whole, published, own], end };
  };
}

const publishable = /cuitty_pk_[^ ]*$/;

/** As presented: a key that is none is refused before its body is read. */
function publishableKeyOf(header: string | null): string | null {
  return header === null ? null : (publishable.exec(header)?.[0] ?? null);
}

/** One batch is always let through, whatever its size. */
const fits = (load: Load, bytes: number): boolean =>
  load.batches < load.maxBatches && (load.batches === 0 || load.bytes + bytes <= load.maxBytes);

function add(load: Load, batches: number, bytes: number): void {
  load.batches += batches;
  load.bytes += bytes;
}

function declaredBytes(header: string | null): number {
  const bytes = header === null ? Number.NaN : Number(header);
  return Number.isInteger(bytes) && bytes >= 0 ? Math.min(bytes, LIMITS.batchBytes) : LIMITS.batchBytes;
}
