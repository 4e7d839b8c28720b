// Browsers, workers and edge runtimes, beside the engine: WebCrypto, CompressionStream, requests that outlive their page.
import type { Core, Engine } from "../core.ts";
import { createEngine as createEngineOn } from "../engine.ts";
import type { Platform } from "../runtime.ts";
import type { SpoolAdapter } from "../spool.ts";

/** What browsers let all requests of a page carry beyond its end is 64 KiB together; other code may use some. Units: bytes. */
const keepalive = { left: 60_000 };

const platform: Platform = {
  sign: async (bytes, secret) => (await (crypto.subtle ? import("./sign-webcrypto.ts") : import("./sign-noble.ts"))).sign(bytes, secret),
  gzip: async (bytes) => (globalThis.CompressionStream ? (await import("./gzip.ts")).gzip(bytes) : undefined),
  async fetch(request, url, init) {
    if (!init.keepalive) return request(url, init);
    const size = (init.body as Uint8Array).length;
    keepalive.left -= size;
    try {
      return await request(url, init);
    } finally {
      keepalive.left += size;
    }
  },
  async openSpool(core) {
    const { spool } = core.settings;
    if (spool !== "indexeddb" && !(spool as SpoolAdapter).put) throw new Error(`a spool is "indexeddb" or an adapter here, not a folder`);
    const adapter = typeof spool === "string" ? await (await import("../spool-indexeddb.ts")).indexedDbSpool() : (spool as SpoolAdapter);
    const { createKeeper } = await import("../spool-keeper.ts");
    core.state.keeper = createKeeper(core, adapter);
    const { detach } = core.state;
    core.state.detach = () => {
      detach?.();
      adapter.close?.();
    };
  },
  room: () => (globalThis.document ? keepalive.left : 0),
};

export const createEngine = (core: Core): Engine => createEngineOn(core, platform);
