// Node and Bun, beside the engine: signing and gzip of the platform, and the spool folder.
import { createHmac } from "node:crypto";
import { promisify } from "node:util";
import { gzip, gzipSync } from "node:zlib";
import type { Core, Engine, State } from "../core.ts";
import { createEngine as createEngineOn } from "../engine.ts";
import type { Platform } from "../runtime.ts";
import { createKeeper } from "../spool-keeper.ts";
import { fetchApart, offersHttp2 } from "./apart.ts";
import { createDirectorySpool } from "./directory-spool.ts";
import { letGo } from "./let-go.ts";
import { openWriter } from "./spool-writer.ts";

/** How long a natural end and a signal may take for a last flush. Units: ms. */
const naturalEndMs = 2_000;
const signalMs = 1_500;
/** What an asynchronous spool gets after the last flush of a process. Units: ms. */
const storeMs = 1_000;

const platform: Platform = {
  sign: async (bytes, secret) => createHmac("sha256", secret).update(bytes).digest("hex"),
  // Up to here a fifth of a millisecond, which is less than the way to a thread and back costs.
  gzip: async (bytes) => (bytes.length < 2 ** 18 ? gzipSync(bytes, { level: 1 }) : promisify(gzip)(bytes, { level: 1 })),
  fetch: (request, url, init) => request(url, init),
  openSpool(core) {
    const { settings, state } = core;
    if (settings.spool === "indexeddb") throw new Error('"indexeddb" is for pages');
    // A client that was never started, or whose folder could not be made yet, opens it here.
    state.spool ??= openWriter(settings);
    if (!state.spool) return;
    const options = typeof settings.spool === "object" && "directory" in settings.spool ? settings.spool : {};
    const adapter = "owner" in state.spool ? createDirectorySpool(state.spool, options) : state.spool;
    state.keeper = createKeeper(core, adapter);
    const failed = (error: unknown): void => core.stats.log("the spool failed", true, error);
    onDetach(state, () => {
      try {
        // An adapter of the app's own may be asynchronous by mistake.
        (adapter.close?.() as Promise<void> | undefined)?.catch?.(failed);
      } catch (error) {
        failed(error);
      }
    });
  },
  room: () => 0,
};

export function createEngine(core: Core): Engine {
  // What a fetch of the app's own makes of a request is not ours to say.
  const isApart = offersHttp2 && core.settings.fetch === globalThis.fetch;
  onDetach(core.state, letGo(offersHttp2 && !isApart));
  const engine = createEngineOn(core, isApart ? { ...platform, fetch: fetchApart } : platform);
  return {
    ...engine,
    async finish(isSignal) {
      core.gather();
      await engine.flush(isSignal ? signalMs : naturalEndMs, !!core.state.spool);
      engine.interrupt();
      await engine.keep(storeMs);
    },
  };
}

function onDetach(state: State, close: () => void): void {
  const { detach } = state;
  state.detach = () => {
    detach?.();
    close();
  };
}
