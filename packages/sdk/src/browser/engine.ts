// Browsers, workers and edge runtimes, beside the engine: WebCrypto, CompressionStream, requests that outlive their page.
import type { Core, Engine } from "../core.ts";
import { createEngine as createEngineOn } from "../engine.ts";
import type { Platform } from "../runtime.ts";

/** What browsers let all requests of a page carry beyond its end is 64 KiB together; other code may use some. */
let keepaliveBytes = 60_000;

const platform: Platform = {
  sign: async (bytes, secret) => (await (crypto.subtle ? import("./sign-webcrypto.ts") : import("./sign-noble.ts"))).sign(bytes, secret),
  gzip: async (bytes) => (globalThis.CompressionStream ? (await import("./gzip.ts")).gzip(bytes) : undefined),
  async fetch(request, url, init) {
    const size = (init.body as Uint8Array).length;
    const keepalive = size <= keepaliveBytes;
    if (!keepalive) return request(url, init);
    keepaliveBytes -= size;
    try {
      return await request(url, { ...init, keepalive });
    } finally {
      keepaliveBytes += size;
    }
  },
  async openSpool() {},
  room: () => keepaliveBytes,
};

export const createEngine = (core: Core): Engine => createEngineOn(core, platform);
