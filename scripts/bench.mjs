// `npm run bench -- <name> [--quick] [--json] [--check]`: installs the peers of bench/ when needed, then measures.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./lib/workspace.mjs";

const args = process.argv.slice(2);
const name = args.find((argument) => !argument.startsWith("-"));
const flags = args.filter((argument) => argument.startsWith("-"));
const known = ["--quick", "--json", "--check"];
const folder = join(root, "bench");
const sources = existsSync(join(folder, "src")) ? readdirSync(join(folder, "src")) : [];
const names = sources.filter((file) => file.endsWith(".ts") && !file.endsWith(".d.ts")).map((file) => file.slice(0, -3));

const unknownFlag = flags.find((flag) => !known.includes(flag));
if (name === undefined || !names.includes(name) || unknownFlag !== undefined) {
  if (unknownFlag !== undefined) console.error(`bench: unknown option ${unknownFlag}`);
  else if (name !== undefined) console.error(`bench: there is no bench "${name}"`);
  console.error(`usage: npm run bench -- <${names.join("|")}> [${known.join("] [")}]`);
  process.exit(2);
}

await installPeers();
// Ratios are between code of one process, so a collector that can be called makes rounds comparable.
const runner = ["--conditions=@cuitty/source", "--expose-gc", "--import", "tsx", join(root, "scripts", "run-bench.ts")];
const { code } = await run("node", [...runner, name, ...flags], { cwd: root });
process.exit(code);

/** `npm ci` in bench/, unless its lockfile is the one that was installed last. */
async function installPeers() {
  const lockfile = join(folder, "package-lock.json");
  if (!existsSync(lockfile)) return;
  const stamp = join(folder, "node_modules", ".installed-lock");
  const hash = createHash("sha256").update(readFileSync(lockfile)).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return;
  console.error("bench: installing the peers (once)");
  const { code, output } = await run("npm", ["ci", "--no-audit", "--no-fund"], { cwd: folder, quiet: true });
  if (code !== 0) {
    console.error(`${output}\nbench: npm ci failed in bench/`);
    process.exit(1);
  }
  writeFileSync(stamp, hash);
}
