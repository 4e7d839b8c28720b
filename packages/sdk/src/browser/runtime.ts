// Browsers, workers and edge runtimes: WebCrypto, CompressionStream, the console, unload hooks.
import type { Runtime } from "../runtime.ts";

export const browserRuntime: Runtime = {
  byteLength: (text) => new TextEncoder().encode(text).length,
  // Taken early: a plugin that patches the console must not see our lines.
  write: console.warn,
  sign: async (bytes, secret) => (await (crypto.subtle ? import("./sign-webcrypto.ts") : import("./sign-noble.ts"))).sign(bytes, secret),
  gzip: async (bytes) => (globalThis.CompressionStream ? (await import("./gzip.ts")).gzip(bytes) : undefined),
  fetch: (request, url, init) => request(url, init),
  openSpool: () => {
    throw new Error();
  },
  attach: () => () => undefined,
};
