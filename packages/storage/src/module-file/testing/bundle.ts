// A file of this package as one bundle inside it, where it finds the native packages: it starts in any process, thread and under any limit.
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

export interface Bundle {
  readonly path: string;
  remove(): void;
}

/** @param entry path of a TypeScript file */
export async function bundleForChild(entry: string): Promise<Bundle> {
  const root = join(import.meta.dirname, "../../../.tmp");
  mkdirSync(root, { recursive: true });
  const folder = mkdtempSync(join(root, "bundle-"));
  // Also for another user.
  chmodSync(folder, 0o755);
  const path = join(folder, "entry.mjs");
  await build({
    entryPoints: [entry],
    outfile: path,
    bundle: true,
    format: "esm",
    platform: "node",
    conditions: ["@cuitty/source"],
    external: ["libsql", "@libsql/*"],
  });
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
