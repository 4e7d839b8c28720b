// Everything that must hold before a change is merged, step by step, each with its time. Nothing stops early.
// `npm run check -- --only types,test` runs some steps, `--skip test` leaves some out.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { optionOf, packAll, publishedPackages, root, run } from "./lib/workspace.mjs";

const scratch = await mkdtemp(join(tmpdir(), "cuitty-check-"));
let packed;
const tarballs = () => (packed ??= packAll(scratch));

const steps = {
  format: () => tool("biome", ["check", "."]),
  types: () => tool("tsc", ["--noEmit"]),
  test: () => tool("vitest", ["run"]),
  build: () => tool("node", ["scripts/build.mjs"]),
  publint: () => forEachPackage(({ dir }) => tool("publint", ["--strict", dir])),
  attw: async () => {
    const files = await tarballs();
    // Resolution without exports maps (node10) was dropped by Node 12.7; JSON and YAML have no types to be wrong about.
    return forEachPackage(({ name }) => tool("attw", [files.get(name), "--profile", "node16", "--format", "ascii", ...excluded(name)]));
  },
  size: () => tool("size-limit", []),
  knip: () => tool("knip", ["--no-progress"]),
  packed: async () => tool("node", ["test/packed/packed-consumer.mjs", ...[...(await tarballs()).values()]]),
  bun: async () => tool("node", ["test/bun/bun-smoke.mjs", ...(await tarballs()).values()]),
  openapi: () => tool("redocly", ["lint", "packages/wire-protocol/openapi.yaml"]),
};

const names = Object.keys(steps);
const chosen = chosenSteps();
const results = [];
for (const name of chosen) results.push(await runStep(name));
await rm(scratch, { recursive: true, force: true });

const failed = results.filter(({ ok }) => !ok);
for (const { name, output } of failed) console.log(`\n--- ${name} ---\n${output.trim()}`);
console.log(
  `\ncheck: ${results.length - failed.length} passed, ${failed.length} failed${failed.length === 0 ? "" : ` (${failed.map(({ name }) => name).join(", ")})`}`,
);
process.exit(failed.length === 0 ? 0 : 1);

async function runStep(name) {
  const began = performance.now();
  let result;
  try {
    result = await steps[name]();
  } catch (error) {
    result = { code: 1, output: error instanceof Error ? error.message : String(error) };
  }
  const ok = result.code === 0;
  console.log(`${ok ? "ok  " : "FAIL"} ${name.padEnd(8)} ${((performance.now() - began) / 1000).toFixed(1)} s`);
  return { name, ok, output: result.output };
}

function chosenSteps() {
  const list = (name) => optionOf(process.argv, name)?.split(",") ?? [];
  const only = list("only");
  const skip = list("skip");
  const unknown = [...only, ...skip].filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    console.error(`check: no step ${unknown.join(", ")}; there are ${names.join(", ")}`);
    process.exit(2);
  }
  return names.filter((name) => (only.length === 0 || only.includes(name)) && !skip.includes(name));
}

function tool(command, args) {
  return run(command, args, { cwd: root, quiet: true, env: { FORCE_COLOR: "0", NO_COLOR: "1" } });
}

async function forEachPackage(check) {
  let code = 0;
  let output = "";
  for (const entry of publishedPackages()) {
    const result = await check(entry);
    if (result.code !== 0) code = 1;
    if (result.code !== 0) output += `${entry.name}\n${result.output}\n`;
  }
  return { code, output };
}

function excluded(name) {
  const { manifest } = publishedPackages().find((entry) => entry.name === name);
  const data = Object.keys(manifest.exports).filter((subpath) => /\.(json|yaml)$/.test(subpath) && subpath !== "./package.json");
  return data.length === 0 ? [] : ["--exclude-entrypoints", ...data.map((subpath) => subpath.slice(2))];
}
