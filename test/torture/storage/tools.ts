// What the storage tortures share: a bundle that starts fast, random numbers from a seed, a file to look into.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { build } from "esbuild";
import { openHonker, openLibsql } from "../../../packages/storage/src/engine/open-driver.ts";
import type { Query } from "./schema.ts";

const root = resolve(import.meta.dirname, "../../..");

export interface TortureOptions {
  readonly quick: boolean;
  readonly seed: number;
  log(line: string): void;
}

export interface TortureResult {
  readonly name: string;
  readonly runs: number;
  readonly violations: number;
  readonly invariant: string;
}

export interface Bundle {
  readonly path: string;
  remove(): void;
}

/** Bundles the workload inside the repository, where it finds the native packages: a process of it starts in a tenth of a second. */
export async function bundleWorkload(): Promise<Bundle> {
  mkdirSync(join(root, ".tmp"), { recursive: true });
  const folder = mkdtempSync(join(root, ".tmp", "torture-"));
  const path = join(folder, "workload.mjs");
  await build({
    entryPoints: [join(import.meta.dirname, "workload.ts")],
    outfile: path,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    conditions: ["@cuitty/source"],
    external: ["libsql", "@libsql/*", "@russellthehippo/*", "drizzle-orm", "drizzle-orm/*"],
    banner: { js: "import { createRequire as cuittyRequire } from 'node:module'; const require = cuittyRequire(import.meta.url);" },
    logLevel: "error",
  });
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Numbers in [0, 1) that a seed decides. Source: mulberry32. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Opens a file with its engine, looks, closes. A file that cannot be opened is a finding. */
export function inspect(path: string, engine: "honker" | "libsql", look: (query: Query) => string[]): string[] {
  let driver: ReturnType<typeof openLibsql> | undefined;
  try {
    driver = engine === "honker" ? openHonker(path).driver : openLibsql(path);
    const open = driver;
    return look((sql) => open.prepare(sql).all());
  } catch (error) {
    return [`cannot be read: ${String(error)}`];
  } finally {
    driver?.close();
  }
}
