// The servers and the load as plain JavaScript, as one ships them: a loader of TypeScript would cost each side its share.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

export interface Bundles {
  /** Path of a program: `kit-server`, `baseline-server`, `load`. */
  path(name: string): string;
  remove(): Promise<void>;
}

const bench = join(import.meta.dirname, "../..");

/** Stays inside bench/, where the native packages of both sides are found. */
export async function bundlePrograms(): Promise<Bundles> {
  await mkdir(join(bench, ".tmp"), { recursive: true });
  const folder = await mkdtemp(join(bench, ".tmp", "ingest-"));
  const own = ["kit-server", "baseline-server", "load"].map((name) => [name, join(import.meta.dirname, `${name}.ts`)]);
  await build({
    entryPoints: {
      ...Object.fromEntries(own),
      "storage-thread": join(bench, "../packages/server-kit/src/storage-thread.ts"),
    },
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@cuitty/source"],
    external: ["libsql", "@libsql/*", "@russellthehippo/*", "better-sqlite3"],
    // What is CommonJS in the bundle still asks for its `require`.
    banner: { js: 'import { createRequire as toRequire } from "node:module"; const require = toRequire(import.meta.url);' },
    logLevel: "error",
  });
  return { path: (name) => join(folder, `${name}.mjs`), remove: () => rm(folder, { recursive: true, force: true }) };
}
