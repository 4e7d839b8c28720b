// Runs inside the scratch project: requires every subpath and checks that it is the same as the ES module, with one copy of what is shared.
const { existsSync, readFileSync } = require("node:fs");

const { subpaths, optionalPeers } = JSON.parse(readFileSync("subpaths.json", "utf8"));
const isBare = process.argv.includes("--bare");
const esm = !isBare && existsSync("esm-names.json") ? JSON.parse(readFileSync("esm-names.json", "utf8")) : {};
const problems = [];
const errors = new Set();
let count = 0;

for (const { specifier, kind } of subpaths) {
  try {
    if (kind === "file") {
      if (!existsSync(require.resolve(specifier))) problems.push(`${specifier}: no such file`);
      continue;
    }
    const module = require(specifier);
    count += 1;
    const names = Object.keys(module)
      .filter((name) => name !== "default")
      .sort();
    const expected = esm[specifier];
    if (expected !== undefined && names.join() !== expected.join())
      problems.push(`${specifier}: ES module has ${expected}, CommonJS has ${names}`);
    if (module.CuittyError !== undefined) errors.add(module.CuittyError);
  } catch (error) {
    const isMissingPeer = /MODULE_NOT_FOUND/.test(error.code) && optionalPeers.some((peer) => error.message.includes(`'${peer}`));
    if (!(isBare && isMissingPeer)) problems.push(`${specifier}: ${String(error.stack ?? error).split("\n    at ")[0]}`);
  }
}

// Without shared chunks each subpath would carry a copy, and what one throws another would not know.
if (errors.size > 1) problems.push(`CuittyError exists ${errors.size} times`);
const root = require("@cuitty/wire-protocol");
if (root.CuittyError !== require("@cuitty/wire-protocol/cuitty-error").CuittyError)
  problems.push("CuittyError of the root and of its subpath differ");
if (root.EVENT_TYPES !== require("@cuitty/wire-protocol/event").EVENT_TYPES)
  problems.push("EVENT_TYPES of the root and of its subpath differ");
for (const problem of problems) console.error(problem);
console.log(`${count} modules`);
process.exitCode = problems.length === 0 ? 0 : 1;
