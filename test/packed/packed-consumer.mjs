// Installs the packed tarballs into a project of their own, as a stranger would, and uses every subpath: ESM, CommonJS and types.
// `node test/packed/packed-consumer.mjs [tarball...]`; packs everything itself when given none. `--keep` leaves the project in place.
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { installedVersion, packAll, packageOf, publishedPackages, root, run } from "../../scripts/lib/workspace.mjs";
import { subpathsOf } from "./subpaths.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const project = mkdtempSync(join(tmpdir(), "cuitty-packed-"));
const given = process.argv.slice(2).filter((argument) => argument.endsWith(".tgz"));
const tarballs = given.length > 0 ? given : [...(await packAll(project)).values()];
const packages = publishedPackages().filter((entry) => tarballs.some((file) => packageOf(file).name === entry.name));

let failures = 0;
await install();
// The packed manifest is the promise, not the one in the workspace.
const subpaths = packages.flatMap(({ name }) => subpathsOf(name, join(project, "node_modules", name)));
writeFileSync(join(project, "subpaths.json"), JSON.stringify({ subpaths, optionalPeers: Object.keys(optionalPeers()) }, null, 2));
for (const script of ["use-esm.mjs", "use-cjs.cjs"]) {
  copyFileSync(join(here, script), join(project, script));
  await step(`${script} without optional peers`, "node", [script, "--bare"]);
}
checkContents();
await install(optionalPeers());
for (const script of ["use-esm.mjs", "use-cjs.cjs"]) await step(`${script} with them`, "node", [script]);
for (const script of ["use-host.cjs", "use-peers.mjs"]) copyFileSync(join(here, script), join(project, script));
await step("CommonJS in a host of its own", "node", ["use-host.cjs"]);
await step("Hono and Express", "node", ["use-peers.mjs"]);
await checkTypes();
await install(oldestPeers());
for (const script of ["use-esm.mjs", "use-cjs.cjs", "use-peers.mjs"]) await step(`${script} with the oldest peers`, "node", [script]);
if (!process.argv.includes("--keep")) rmSync(project, { recursive: true, force: true });
console.log(`packed: ${subpaths.length} subpaths of ${packages.length} packages, ${failures} failures`);
process.exit(failures === 0 ? 0 : 1);

/** Versions come from this workspace, so that nothing newer than what was tested is fetched. */
async function install(extra = {}) {
  const own = Object.fromEntries(tarballs.map((file) => [packageOf(file).name, `file:${file}`]));
  const tools = { typescript: installedVersion("typescript"), "@types/node": installedVersion("@types/node") };
  const manifest = {
    name: "packed-consumer",
    version: "1.0.0",
    private: true,
    dependencies: { ...own, ...tools, ...extra },
    overrides: own,
  };
  writeFileSync(join(project, "package.json"), JSON.stringify(manifest, null, 2));
  const args = ["install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps", "--loglevel", "error"];
  const { code, output } = await run("npm", args, { cwd: project, quiet: true });
  if (code === 0) return;
  console.error(`packed: npm install failed\n${output}`);
  process.exit(1);
}

function optionalPeers() {
  const peers = {};
  for (const { manifest } of packages)
    for (const peer of Object.keys(manifest.peerDependencies ?? {})) peers[peer] = installedVersion(peer);
  if (peers.express !== undefined) peers["@types/express"] = installedVersion("@types/express");
  return peers;
}

/** The lowest version of each range: what it promises must load, too. */
function oldestPeers() {
  const peers = {};
  for (const { manifest } of packages)
    for (const [peer, range] of Object.entries(manifest.peerDependencies ?? {})) {
      const [major, minor = 0, patch = 0] = /\d+(?:\.\d+){0,2}/.exec(range)[0].split(".");
      peers[peer] = `${major}.${minor}.${patch}`;
    }
  return peers;
}

async function step(title, command, args) {
  const { code, output } = await run(command, args, { cwd: project, quiet: true });
  console.log(`${code === 0 ? "ok  " : "FAIL"} ${title}`);
  if (code === 0) return;
  failures += 1;
  console.error(output.trimEnd());
}

/** A tarball has what people need to use it, and nothing of the workspace it came from. */
function checkContents() {
  const problems = [];
  for (const { name } of packages) {
    const folder = join(project, "node_modules", name);
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const paths = files.map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)));
    for (const wanted of ["README.md", "LICENSE", "package.json"]) if (!paths.includes(wanted)) problems.push(`${name}: has no ${wanted}`);
    for (const path of paths) {
      if (/(^|\/)(src|test|node_modules)\/|\.test\.|\.tsbuildinfo$/.test(path)) problems.push(`${name}: ${path} is not for users`);
      const text = readFileSync(join(folder, path), "utf8");
      if (text.includes(root)) problems.push(`${name}: ${path} names a folder of the machine it was built on`);
      // Webpack knows that name, and puts `undefined` in the place of every call that it cannot evaluate.
      if (/\bimport\s*\{[^}]*\bcreateRequire\b/.test(text)) problems.push(`${name}: ${path} imports createRequire by its name`);
    }
  }
  console.log(`${problems.length === 0 ? "ok  " : "FAIL"} contents of the tarballs`);
  if (problems.length > 0) failures += 1;
  for (const problem of problems) console.error(problem);
}

/** Drizzle's declarations name the drivers of all its databases: whoever does not use it must not need them, without `skipLibCheck` either. */
async function checkWithoutDrizzle(code, flags) {
  const plain = code.filter((specifier) => !/^@cuitty\/storage\/(?:sqlite|drizzle)$/.test(specifier));
  writeFileSync(
    join(project, "use-plain.mts"),
    plain.map((specifier, index) => `import * as m${index} from "${specifier}";\nvoid m${index};\n`).join(""),
  );
  const args = [...flags, "--types", "node", "--lib", "es2022,dom,dom.iterable,dom.asynciterable", "use-plain.mts"];
  const { output } = await run(join(project, "node_modules", ".bin", "tsc"), args, { cwd: project, quiet: true });
  const problems = output.split("\n").filter((line) => /error TS/.test(line));
  console.log(`${problems.length === 0 ? "ok  " : "FAIL"} types without Drizzle`);
  if (problems.length > 0) failures += 1;
  for (const line of problems.slice(0, 10)) console.error(line);
}

/** Strict NodeNext from an ES module and from a CommonJS one. Declarations of other people are read too, but only ours must be right. */
async function checkTypes() {
  const code = subpaths.filter(({ kind }) => kind === "code").map(({ specifier }) => specifier);
  const imports = code.map((specifier, index) => `import * as m${index} from "${specifier}";`);
  const source = `${imports.join("\n")}\nexport const all: readonly object[] = [${code.map((_, index) => `m${index}`).join(", ")}];\n`;
  writeFileSync(join(project, "use-types.mts"), source);
  writeFileSync(join(project, "use-types.cts"), source);
  const flags = [
    "--noEmit",
    "--strict",
    "--module",
    "nodenext",
    "--moduleResolution",
    "nodenext",
    "--target",
    "es2022",
    "--pretty",
    "false",
  ];
  const files = ["use-types.mts", "use-types.cts"];
  await checkWithoutDrizzle(code, flags);
  const libraries = { "with DOM": ["es2022", "dom", "dom.iterable", "dom.asynciterable"], "without DOM": ["es2022"] };
  for (const [title, lib] of Object.entries(libraries)) {
    // Without DOM only what is used is checked: a declaration may name IndexedDB without asking every server for its types.
    const strictness = title === "with DOM" ? "false" : "true";
    const args = [...flags, "--types", "node", "--skipLibCheck", strictness, "--lib", lib.join(","), ...files];
    const { output } = await run(join(project, "node_modules", ".bin", "tsc"), args, { cwd: project, quiet: true });
    const problems = output.split("\n").filter((line) => /error TS/.test(line));
    const ours = problems.filter((line) => !line.startsWith("node_modules/") || line.startsWith("node_modules/@cuitty/"));
    console.log(
      `${ours.length === 0 ? "ok  " : "FAIL"} types ${title} (${problems.length - ours.length} problems in the declarations of others)`,
    );
    if (ours.length > 0) failures += 1;
    for (const line of ours.slice(0, 40)) console.error(line);
  }
  for (const file of ["public-types.mjs", "use-declarations.mts"]) copyFileSync(join(here, file), join(project, file));
  await step("names of public types", "node", ["public-types.mjs"]);
  const libs = libraries["with DOM"].join(",");
  const emit = ["--declaration", "--emitDeclarationOnly", "--outDir", "declarations", "--skipLibCheck", "true"];
  const args = [...flags.filter((flag) => flag !== "--noEmit"), ...emit, "--types", "node", "--lib", libs, "use-declarations.mts"];
  await step("declarations of what is made with them", join(project, "node_modules", ".bin", "tsc"), args);
}
