// Node and Bun: signing and gzip of the platform, stderr, exit hooks.
import type { Runtime } from "../runtime.ts";

export const nodeRuntime: Runtime = {
  byteLength: Buffer.byteLength,
  // A Console of its own: one that a host or a plugin patched must not see our lines, and an stderr that is closed must not throw.
  write: (line) => new console.Console(process.stderr).error(line),
  async sign(bytes, secret) {
    const { createHmac } = await import("node:crypto");
    return createHmac("sha256", secret).update(bytes).digest("hex");
  },
  async gzip(bytes) {
    const { gzip } = await import("node:zlib");
    return new Promise((resolve, reject) => gzip(bytes, { level: 1 }, (error, result) => (error ? reject(error) : resolve(result))));
  },
  fetch: (request, url, init) => request(url, init),
  openSpool: () => {
    throw new Error();
  },
  attach: () => () => undefined,
};
