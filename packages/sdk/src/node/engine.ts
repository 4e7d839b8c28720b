// Node and Bun, beside the engine: signing and gzip of the platform, and the spool folder.
import { createHmac } from "node:crypto";
import { promisify } from "node:util";
import { gzip, gzipSync } from "node:zlib";
import type { Core, Engine } from "../core.ts";
import { createEngine as createEngineOn } from "../engine.ts";
import type { Platform } from "../runtime.ts";
import { createKeeper } from "../spool-keeper.ts";
import { createDirectorySpool } from "./directory-spool.ts";
import { openWriter } from "./spool-writer.ts";

const platform: Platform = {
  sign: async (bytes, secret) => createHmac("sha256", secret).update(bytes).digest("hex"),
  // Up to here a fifth of a millisecond, which is less than the way to a thread and back costs.
  gzip: async (bytes) => (bytes.length < 2 ** 18 ? gzipSync(bytes, { level: 1 }) : promisify(gzip)(bytes, { level: 1 })),
  fetch: (request, url, init) => request(url, init),
  openSpool(core) {
    const { settings, state } = core;
    // A client that was never started opens it here.
    state.spool ??= openWriter(settings);
    if (!state.spool) return;
    const options = typeof settings.spool === "object" && "directory" in settings.spool ? settings.spool : {};
    const adapter = "owner" in state.spool ? createDirectorySpool(state.spool, options) : state.spool;
    state.keeper = createKeeper(core, adapter);
    const { detach } = state;
    state.detach = () => {
      detach?.();
      adapter.close?.();
    };
  },
  room: () => 0,
};

export const createEngine = (core: Core): Engine => createEngineOn(core, platform);
