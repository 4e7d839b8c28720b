// The writer as one file, and the random numbers that choose moments.
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { build } from "esbuild";

const root = resolve(import.meta.dirname, "../../..");

/** One file instead of a transpiler in every start: a kill takes a tenth of the time. */
export async function bundleWriter(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const cache = join(root, "node_modules", ".cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "torture-persist-"));
  await build({
    entryPoints: { writer: join(import.meta.dirname, "writer.ts"), file: "@cuitty/storage/file" },
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    target: "node20",
    absWorkingDir: root,
    conditions: ["@cuitty/source"],
    external: ["libsql", "@libsql/client", "drizzle-orm", "drizzle-orm/*", "@russellthehippo/*", "@sinclair/typebox/*"],
    // The store names its driver in a variable; here that variable is the bundled file beside it.
    plugins: [{ name: "driver", setup: (plugin) => plugin.onLoad({ filter: /adapters\/sqlite-file\.ts$/ }, inlineDriver) }],
    banner: { js: 'import { createRequire as requireMaker } from "node:module"; const require = requireMaker(import.meta.url);' },
    logLevel: "error",
  });
  return { path: join(folder, "writer.mjs"), remove: () => rm(folder, { recursive: true, force: true }) };
}

async function inlineDriver({ path }: { readonly path: string }) {
  const text = await readFile(path, "utf8");
  return { contents: text.replace('const library = "@cuitty/storage/file"', 'const library = "./file.mjs"'), loader: "ts" as const };
}

/** Mulberry32: small, seeded, good enough to choose moments. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
