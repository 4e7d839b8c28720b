// What the scripts share: where things are, which packages are published, and running a command.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Published packages: `{ dir, name, manifest }`, in alphabetical order. */
export function publishedPackages() {
  return readdirSync(join(root, "packages"))
    .map((folder) => join(root, "packages", folder))
    .filter((dir) => existsSync(join(dir, "package.json")))
    .map((dir) => ({ dir, manifest: JSON.parse(readFileSync(join(dir, "package.json"), "utf8")) }))
    .filter(({ manifest }) => manifest.private !== true)
    .map(({ dir, manifest }) => ({ dir, manifest, name: manifest.name }));
}

/** Every file an exports map leads to, without the source condition: `[{ subpath, target }]`. */
export function exportTargets(exports) {
  const targets = [];
  const visit = (subpath, value) => {
    if (typeof value === "string") targets.push({ subpath, target: value });
    else for (const [condition, inner] of Object.entries(value ?? {})) if (condition !== "@cuitty/source") visit(subpath, inner);
  };
  for (const [subpath, value] of Object.entries(exports)) visit(subpath, value);
  return targets;
}

/** Runs a command with the workspace's own tools first in PATH: `{ code, output }`. `quiet` collects the output instead of showing it. */
export function run(command, args, { cwd = root, quiet = false, env = {} } = {}) {
  const path = [join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter);
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, PATH: path, ...env },
      stdio: ["ignore", quiet ? "pipe" : "inherit", quiet ? "pipe" : "inherit"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => resolve({ code: 1, output: `${command}: ${error.message}` }));
    child.on("close", (code, signal) => resolve({ code: code ?? 1, output: signal === null ? output : `${output}\nended by ${signal}` }));
  });
}

/** Packs every published package into `folder`: name to tarball path. */
export async function packAll(folder) {
  const tarballs = new Map();
  for (const { dir, name } of publishedPackages()) {
    const { code, output } = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
      cwd: dir,
      quiet: true,
    });
    const file = /"filename":\s*"([^"]+)"/.exec(output)?.[1];
    if (code !== 0 || file === undefined) throw new Error(`npm pack failed for ${name}:\n${output}`);
    tarballs.set(name, join(folder, file.replace("@", "").replace("/", "-")));
  }
  return tarballs;
}

/** The published package that a tarball of `packAll` holds, as in `publishedPackages`. */
export function packageOf(tarball) {
  const file = basename(tarball);
  const found = publishedPackages().find(
    ({ name, manifest }) => file === `${name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`,
  );
  if (found === undefined) throw new Error(`${file} is no package of this workspace`);
  return found;
}

/** Version of a dependency as this workspace has it. */
export function installedVersion(name) {
  const places = [root, ...publishedPackages().map(({ dir }) => dir)].map((dir) => join(dir, "node_modules", name, "package.json"));
  const place = places.find(existsSync);
  if (place === undefined) throw new Error(`${name} is not installed in this workspace`);
  return JSON.parse(readFileSync(place, "utf8")).version;
}

/** Value after `--name`, or undefined; `--name=value` works too. */
export function optionOf(args, name) {
  const inline = args.find((argument) => argument.startsWith(`--${name}=`));
  if (inline !== undefined) return inline.slice(name.length + 3);
  const index = args.indexOf(`--${name}`);
  return index === -1 ? undefined : args[index + 1];
}
