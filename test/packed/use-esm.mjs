// Runs inside the scratch project: imports every subpath as an ES module and notes what each exports.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const { subpaths, optionalPeers } = JSON.parse(readFileSync("subpaths.json", "utf8"));
const isBare = process.argv.includes("--bare");
const handles = () => process.getActiveResourcesInfo().filter((kind) => !/^(TTYWrap|PipeWrap|FSReqPromise)$/.test(kind)).length;
const before = handles();
const names = {};
const problems = [];
const guards = new Set();
let peers = 0;

for (const { specifier, kind } of subpaths) {
  try {
    if (kind === "file") {
      if (!existsSync(fileURLToPath(import.meta.resolve(specifier)))) problems.push(`${specifier}: no such file`);
      continue;
    }
    const module = await import(specifier);
    names[specifier] = Object.keys(module)
      .filter((name) => name !== "default" && name !== "module.exports")
      .sort();
    if (module.CuittyError !== undefined) guards.add(module.CuittyError);
  } catch (error) {
    if (isBare && isMissingPeer(error)) peers += 1;
    else problems.push(`${specifier}: ${String(error.stack ?? error).split("\n    at ")[0]}`);
  }
}

function isMissingPeer(error) {
  return error.code === "ERR_MODULE_NOT_FOUND" && optionalPeers.some((peer) => error.message.includes(`'${peer}`));
}

if (guards.size > 1) problems.push(`CuittyError exists ${guards.size} times`);
if (handles() > before) problems.push(`importing everything started something: ${process.getActiveResourcesInfo().join(", ")}`);
// A root that needs an optional peer is not usable by the people who do not want it.
if (isBare)
  for (const { specifier } of subpaths)
    if (/^@cuitty\/[a-z-]+$/.test(specifier) && names[specifier] === undefined) problems.push(`${specifier}: needs an optional peer`);
if (!isBare) writeFileSync("esm-names.json", JSON.stringify(names));
for (const problem of problems) console.error(problem);
console.log(`${Object.keys(names).length} modules, ${peers} need a peer`);
process.exitCode = problems.length === 0 ? 0 : 1;
