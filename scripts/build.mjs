// Builds every package, one after the other, and fails if an entry of an exports map has no file. `npm run build -- sdk` builds one.
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { exportTargets, publishedPackages, run } from "./lib/workspace.mjs";

const wanted = process.argv.slice(2);
const packages = publishedPackages().filter(({ dir }) => wanted.length === 0 || wanted.includes(basename(dir)));
if (packages.length === 0) {
  console.error(
    `build: no such package; there are ${publishedPackages()
      .map(({ dir }) => basename(dir))
      .join(", ")}`,
  );
  process.exit(1);
}

let failed = 0;
for (const { dir, name, manifest } of packages) {
  const began = performance.now();
  // Declarations of one package take 400 MB and a core, so packages are not built side by side.
  const { code, output } = await run("tsup", [], { cwd: dir, quiet: true });
  const missing = code === 0 ? missingTargets(dir, manifest.exports) : [];
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  if (code === 0 && missing.length === 0) {
    console.log(`built ${name} in ${seconds} s`);
    continue;
  }
  failed += 1;
  if (code !== 0) console.error(output.trimEnd());
  for (const target of missing) console.error(`${name}: exports ${target}, which was not built`);
  console.error(`failed ${name} after ${seconds} s`);
}
process.exit(failed === 0 ? 0 : 1);

/** Files an exports map promises that are not in dist: a declaration pass that fails can leave JavaScript without types. */
function missingTargets(dir, exports) {
  const targets = new Set(exportTargets(exports).map(({ target }) => target));
  return [...targets].filter((target) => target.startsWith("./dist/") && !existsSync(join(dir, target)));
}
