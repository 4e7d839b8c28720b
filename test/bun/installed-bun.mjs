// The pinned Bun of this folder, fetched once: npm checks it against the lockfile's hash. The baseline build also runs on processors without AVX2.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "../../scripts/lib/workspace.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const folders = { "linux-x64": "bun-linux-x64-baseline", "linux-arm64": "bun-linux-aarch64", "darwin-arm64": "bun-darwin-aarch64" };

/** `{ path }` of the binary, or `{ reason }` why there is none here. */
export async function installedBun() {
  const folder = folders[`${process.platform}-${process.arch}`];
  if (folder === undefined) return { reason: `no Bun is pinned for ${process.platform}-${process.arch}` };
  const path = join(here, "node_modules", "@oven", folder, "bin", "bun");
  const stamp = join(here, "node_modules", ".installed-lock");
  const hash = createHash("sha256")
    .update(readFileSync(join(here, "package-lock.json")))
    .digest("hex");
  if (existsSync(path) && existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return { path };
  const { code, output } = await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: here, quiet: true });
  // A package that does not fit the platform, such as another C library, is left out without a word.
  if (code !== 0 || !existsSync(path)) return { reason: `npm ci in test/bun brought no Bun\n${output}` };
  writeFileSync(stamp, hash);
  return { path };
}
