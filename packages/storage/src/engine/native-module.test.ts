// Where native packages are found: beside this package, or beside an app that was bundled elsewhere.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadNative, locateNative } from "./native-module.ts";

const entry = process.argv[1];
let app: string;

beforeEach(() => {
  app = realpathSync(mkdtempSync(join(tmpdir(), "cuitty-native-")));
  mkdirSync(join(app, "node_modules/only-here"), { recursive: true });
  writeFileSync(join(app, "node_modules/only-here/index.js"), "module.exports = { name: 'only-here' };");
});

afterEach(() => {
  process.argv[1] = entry as string;
  rmSync(app, { recursive: true, force: true });
});

test("a package that only the app's own entry can reach is found from there", () => {
  process.argv[1] = join(app, "server.mjs");
  expect(loadNative("only-here")).toEqual({ name: "only-here" });
  expect(locateNative("only-here")).toBe(join(app, "node_modules/only-here"));
});

test("one beside this package comes first", () => {
  process.argv[1] = join(app, "server.mjs");
  const ours = locateNative("libsql");
  mkdirSync(join(app, "node_modules/libsql"));
  writeFileSync(join(app, "node_modules/libsql/index.js"), "module.exports = 'another';");
  expect(ours).toBeDefined();
  expect(locateNative("libsql")).toBe(ours);
});

test.each([
  ["an entry that is a name", "repl"],
  ["no entry", undefined],
])("with %s a package that is nowhere is said to be missing", (_, place) => {
  process.argv[1] = place as string;
  expect(locateNative("only-here")).toBeUndefined();
  expect(() => loadNative("only-here")).toThrow(expect.objectContaining({ code: "MODULE_NOT_FOUND" }));
});

test("an app that was bundled without libsql is told what it needs", async () => {
  const source = `import { openLibsql } from ${JSON.stringify(join(import.meta.dirname, "open-driver.ts"))};
    try { openLibsql("a.db"); } catch (error) { console.log(error.code, error.message); }`;
  await build({
    stdin: { contents: source, resolveDir: import.meta.dirname },
    outfile: join(app, "app.mjs"),
    bundle: true,
    format: "esm",
    platform: "node",
    conditions: ["@cuitty/source"],
    external: ["libsql"],
  });
  const output = execFileSync(process.execPath, [join(app, "app.mjs")], { cwd: app, encoding: "utf8" });
  expect(output).toMatch(/^engine_unavailable .*Cannot find module 'libsql'.*install it beside the app/);
});
