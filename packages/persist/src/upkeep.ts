// Work the store does by itself: ends entries whose time is over, deletes unnamed chunks, goes on with an interrupted rotation.
import { isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Emitter } from "./core/emitter.ts";
import type { Blobs } from "./facets/blobs.ts";
import type { Kv } from "./facets/kv.ts";
import type { ManagedCrypto } from "./store-crypto.ts";

/** After opening, so that the first reads of the app come first. */
const firstDelayMs = 30_000;
const intervalMs = 60 * 60 * 1000;

export interface Upkeep {
  stop(): Promise<void>;
}

export interface UpkeepParts {
  readonly kv: Kv;
  readonly blobs: Blobs;
  readonly crypto: ManagedCrypto;
  readonly emitter: Emitter;
}

export function startUpkeep({ kv, blobs, crypto, emitter }: UpkeepParts): Upkeep {
  let running: Promise<void> | undefined;
  let isStopped = false;

  async function round(): Promise<void> {
    try {
      await kv.sweep();
      await blobs.sweep();
    } catch (error) {
      // Closing in the middle of a round is not a failure.
      if (!isStopped && !isCuittyError(error, "store_closed")) emitter.fail(error);
    }
  }

  function run(): void {
    running ??= round().finally(() => {
      running = undefined;
    });
  }

  void crypto.resume().catch(emitter.fail);
  const first = unref(setTimeout(run, firstDelayMs));
  const timer = unref(setInterval(run, intervalMs));
  return {
    async stop() {
      isStopped = true;
      clearTimeout(first);
      clearInterval(timer);
      await crypto.stop();
      await running;
    },
  };
}

/** A store must not keep a process alive. */
function unref<T>(timer: T): T {
  (timer as { unref?: () => void }).unref?.();
  return timer;
}
