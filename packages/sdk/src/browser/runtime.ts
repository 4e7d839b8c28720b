// Browsers, workers and edge runtimes: WebCrypto, CompressionStream, the console, unload hooks.
import type { Runtime } from "../runtime.ts";

export const browserRuntime: Runtime = {
  byteLength: (text) => new TextEncoder().encode(text).length,
  write: console.warn,
  loadSign: async () => (globalThis.crypto?.subtle ? (await import("./sign-webcrypto.ts")).sign : (await import("./sign-noble.ts")).sign),
  loadGzip: async () => ("CompressionStream" in globalThis ? (await import("./gzip.ts")).gzip : undefined),
  openSpool: (option) => {
    throw new Error(String(option));
  },
  attach: () => () => undefined,
};
