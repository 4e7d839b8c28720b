// Node and Bun: signing and gzip of the platform, stderr, exit hooks.
import type { Runtime } from "../runtime.ts";

export const nodeRuntime: Runtime = {
  byteLength: Buffer.byteLength,
  write: (line) => void process.stderr.write(`${line}\n`),
  async loadSign() {
    const { createHmac } = await import("node:crypto");
    return (bytes, secret) => createHmac("sha256", secret).update(bytes).digest("hex");
  },
  async loadGzip() {
    const { gzip } = await import("node:zlib");
    return (bytes) =>
      new Promise((resolve, reject) => gzip(bytes, { level: 1 }, (error, result) => (error ? reject(error) : resolve(result))));
  },
  openSpool: (option) => {
    throw new Error(String(option));
  },
  attach: () => () => undefined,
};
