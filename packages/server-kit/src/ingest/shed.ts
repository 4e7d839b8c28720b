// Stage: refuses a batch early when too much is in work, when the disk is nearly full or when the kit is closing.
import { CuittyError, type ErrorCode, LIMITS } from "@cuitty/wire-protocol";
import { allowOrigin } from "./cors.ts";
import type { Stage, StageContext } from "./stage.ts";

export interface ShedOptions {
  /** Batches in work at the same time; a publishable key gets a quarter of it, all of them together half. @default 1_000 */
  readonly maxInFlight?: number | undefined;
  /**
   * Bytes of bodies in work at the same time, as declared, and what they are when they are unpacked; a body of unknown length counts what has come of it.
   * Shared out to publishable keys as `maxInFlight` is; any other key gets half of it, so that one client's slow uploads leave room for the others.
   * @default 134_217_728
   */
  readonly maxInFlightBytes?: number | undefined;
  /** True while the kit is closing. */
  readonly isClosing?: (() => boolean) | undefined;
  /** True while there is room for more data. */
  readonly hasRoom?: (() => boolean) | undefined;
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
    const credential = credentialOf(context.exchange.header("authorization"));
    const publishableKey = publishableKeyOf(credential);
    const refuse = (code: ErrorCode, message: string, retryAfterSeconds?: number): never => {
      if (publishableKey !== null) letPageRead(context);
      throw new CuittyError(code, message, { retryable: true, ...(retryAfterSeconds && { details: { retryAfterSeconds } }) });
    };
    // Spread, so that clients that were refused together do not come back together.
    const refuseLoad = (): never =>
      refuse("overloaded", "Too many batches are in work; send the same batch again", 1 + Math.floor(Math.random() * 4));
    if (isClosing?.()) refuse("shutting_down", "The server is closing; send the same batch again");
    if (hasRoom?.() === false) refuse("disk_full", "The server has no room for more events now; send the same batch again later");
    const { exchange } = context;
    const declared = declaredBytes(exchange.header("content-length"));
    const { loads, end } = loadsOf(publishableKey, credential);
    const claim = claimOf(loads, declared ?? firstBytes);
    if (claim === null) {
      end?.();
      return refuseLoad();
    }
    context.claim = (total) => {
      if (!claim.grow(total)) refuseLoad();
    };
    context.onReply(() => {
      claim.end();
      end?.();
    });
  };
}

/** What one batch takes of each load. */
interface Claim {
  /** False, and nothing is taken, when there is no room for as much. */
  grow(bytes: number): boolean;
  end(): void;
}

/** Null when one of the loads has no room. */
function claimOf(loads: readonly Load[], firstBytes: number): Claim | null {
  if (!loads.every((load) => fits(load, firstBytes))) return null;
  let taken = firstBytes;
  for (const load of loads) add(load, 1, taken);
  return {
    grow(bytes) {
      const more = bytes - taken;
      if (more <= 0) return true;
      // As at the beginning: one batch alone has all the room.
      if (!loads.every((load) => load.batches === 1 || load.bytes + more <= load.maxBytes)) return false;
      for (const load of loads) add(load, 0, more);
      taken = bytes;
      return true;
    },
    end() {
      for (const load of loads) add(load, -1, -taken);
    },
  };
}

/** The key has not been looked up; but a page has to be told when to come back, and this says nothing else. */
function letPageRead(context: StageContext): void {
  const origin = context.exchange.header("origin");
  if (origin !== null) allowOrigin(context, origin);
}

interface Loads {
  readonly loads: readonly Load[];
  /** To be called when their batch has ended, or has not begun. */
  readonly end?: () => void;
}

/** Anybody can read a publishable key in a page: slow uploads with it must leave room for everybody else. */
function createLoads(options: ShedOptions): (publishableKey: string | null, credential: string | null) => Loads {
  const { maxInFlight = 1_000, maxInFlightBytes = 128 * 1024 * 1024 } = options;
  const share = (ofBatches: number, ofBytes: number): Load => ({
    batches: 0,
    bytes: 0,
    maxBatches: Math.ceil(maxInFlight * ofBatches),
    maxBytes: maxInFlightBytes * ofBytes,
  });
  const whole = share(1, 1);
  const published = share(0.5, 0.5);
  const loadByKey = new Map<string, Load>();

  function ownLoad(key: string, make: () => Load): { own: Load; end: () => void } {
    const own = loadByKey.get(key) ?? make();
    loadByKey.set(key, own);
    const end = () => {
      if (own.batches === 0) loadByKey.delete(key);
    };
    return { own, end };
  }

  return (publishableKey, credential) => {
    if (publishableKey !== null) {
      const { own, end } = ownLoad(publishableKey, () => share(0.25, 0.25));
      return { loads: [whole, published, own], end };
    }
    if (credential === null) return { loads: [whole] };
    const { own, end } = ownLoad(credential, () => share(1, 0.5));
    return { loads: [whole, own], end };
  };
}

const publishablePrefix = "cuitty_pk_";

/** What is presented, however the scheme before it is written: one client stays one. No pattern: this header is anybody's, and looked at before all else. */
const credentialOf = (header: string | null): string | null => (header === null ? null : header.slice(header.lastIndexOf(" ") + 1));

/** As presented: a key that is none is refused before its body is read. */
function publishableKeyOf(credential: string | null): string | null {
  const at = credential?.indexOf(publishablePrefix) ?? -1;
  return at === -1 ? null : (credential as string).slice(at);
}

/** One batch is always let through, whatever its size. */
const fits = (load: Load, bytes: number): boolean =>
  load.batches < load.maxBatches && (load.batches === 0 || load.bytes + bytes <= load.maxBytes);

function add(load: Load, batches: number, bytes: number): void {
  load.batches += batches;
  load.bytes += bytes;
}

/** What a body of unknown length counts before anything of it has come. */
const firstBytes = 65_536;

function declaredBytes(header: string | null): number | null {
  const bytes = header === null ? Number.NaN : Number(header);
  return Number.isInteger(bytes) && bytes >= 0 ? Math.min(bytes, LIMITS.batchBytes) : null;
}
