// Installs the packed tarballs into a project of their own and uses them as an app on Bun does: every subpath, and the cases beside this file.
// `node test/bun/bun-smoke.mjs [tarball...]`; packs everything itself when given none. `--keep` leaves the project in place; BUN names another Bun.
import { copyFileSync, cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { installedVersion, packAll, packageOf, run } from "../../scripts/lib/workspace.mjs";
import { subpathsOf } from "../packed/subpaths.mjs";
import { installedBun } from "./installed-bun.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const cases = ["storage.mjs", "hosts.mjs", "persist.mjs", "sdk.mjs", "server.mjs"];

const bun = process.env.BUN ? { path: process.env.BUN } : await installedBun();
if ("reason" in bun) {
  console.log(`bun: skipped, ${bun.reason}`);
  process.exit(process.env.CUITTY_REQUIRE ? 1 : 0);
}
const project = mkdtempSync(join(tmpdir(), "cuitty-bun-"));
const given = process.argv.slice(2).filter((argument) => argument.endsWith(".tgz"));
const tarballs = given.length > 0 ? given : [...(await packAll(project)).values()];
await install();

let passed = 0;
let failed = 0;
for (const file of ["use-esm.mjs", "use-cjs.cjs"]) await runFile(file);
// Beside each other: most of their time is waiting.
await Promise.all(cases.map(runFile));
if (!process.argv.includes("--keep")) rmSync(project, { recursive: true, force: true });
const { output: version } = await run(bun.path, ["--version"], { quiet: true });
console.log(`bun: ${version.trim()}, ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** Versions come from this workspace, so that nothing newer than what was tested is fetched. */
async function install() {
  const own = Object.fromEntries(tarballs.map((file) => [packageOf(file).name, `file:${file}`]));
  const peers = [...new Set(tarballs.flatMap((file) => Object.keys(packageOf(file).manifest.peerDependencies ?? {})))];
  const dependencies = { ...own, ...Object.fromEntries(peers.map((peer) => [peer, installedVersion(peer)])) };
  const manifest = { name: "bun-app", version: "1.0.0", private: true, type: "module", dependencies, overrides: own };
  writeFileSync(join(project, "package.json"), JSON.stringify(manifest, null, 2));
  const args = ["install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps", "--loglevel", "error"];
  const { code, output } = await run("npm", args, { cwd: project, quiet: true });
  if (code !== 0) {
    console.error(`bun: npm install failed\n${output}`);
    process.exit(1);
  }
  const subpaths = Object.keys(own).flatMap((name) => subpathsOf(name, join(project, "node_modules", name)));
  writeFileSync(join(project, "subpaths.json"), JSON.stringify({ subpaths, optionalPeers: peers }));
  for (const file of ["use-esm.mjs", "use-cjs.cjs"]) copyFileSync(join(here, "../packed", file), join(project, file));
  for (const file of readdirSync(join(here, "cases"))) cpSync(join(here, "cases", file), join(project, file));
}

/** A case prints a line for each of its checks; a file without such lines is one check. */
async function runFile(file) {
  const { code, output } = await run(bun.path, [file], { cwd: project, quiet: true });
  const count = (mark) => output.split("\n").filter((line) => line.startsWith(mark)).length;
  const counts = { passed: count("ok   "), failed: count("FAIL ") };
  if (counts.passed + counts.failed === 0) counts[code === 0 ? "passed" : "failed"] = 1;
  else if (code !== 0 && counts.failed === 0) counts.failed = 1;
  passed += counts.passed;
  failed += counts.failed;
  console.log(`${counts.failed === 0 ? "ok  " : "FAIL"} ${file}: ${counts.passed} passed, ${counts.failed} failed`);
  if (counts.failed > 0) console.error(output.trimEnd());
}
