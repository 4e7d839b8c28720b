// The root commands say what they can do, refuse what they cannot, and fail when something in them fails.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const project = mkdtempSync(join(tmpdir(), "cuitty-scripts-"));

function script(name: string, ...args: string[]): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync("node", [join(project, "scripts", `${name}.mjs`), ...args], {
    cwd: project,
    encoding: "utf8",
  });
  return { code: status, output: stdout + stderr };
}

beforeAll(() => {
  cpSync(join(root, "scripts"), join(project, "scripts"), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(project, "node_modules"));
  for (const folder of ["bench/src", "test/torture", "packages/one"]) mkdirSync(join(project, folder), { recursive: true });
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "scratch", private: true, type: "module" }));
  writeFileSync(
    join(project, "packages/one/package.json"),
    JSON.stringify({ name: "one", version: "1.0.0", exports: { ".": "./dist/index.js" } }),
  );
  const torture = (violations: number) =>
    `export const run = async ({ seed, quick, log }) => { log(\`seed \${seed} quick \${quick}\`); return { name: "t", runs: 3, violations: ${violations}, invariant: "all is well" }; };`;
  writeFileSync(join(project, "test/torture/holds.torture.ts"), torture(0));
  writeFileSync(join(project, "test/torture/breaks.torture.ts"), torture(1));
  writeFileSync(join(project, "test/torture/throws.torture.ts"), "export const run = async () => { throw new Error('boom'); };");
  const bench = "export const run = async (options: object) => { console.log(JSON.stringify(options)); return { ok: false }; };";
  writeFileSync(join(project, "bench/src/slow.ts"), bench);
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

describe("torture", () => {
  test("prints seed, counts and invariant, and passes when nothing is violated", () => {
    const { code, output } = script("torture", "holds", "--quick", "--seed", "7");
    expect(output).toContain("torture holds: seed 7");
    expect(output).toContain("seed 7 quick true");
    expect(output).toMatch(/torture t: 3 runs, 0 violations in [\d.]+ s; all is well/);
    expect(code).toBe(0);
  });

  test.each(["breaks", "throws"])("exits 1 when one %s, and says how to repeat it", (name) => {
    const { code, output } = script("torture", name, "--seed", "9");
    expect(code).toBe(1);
    expect(output).toContain(`npm run torture -- ${name} --seed 9`);
  });

  test("without a name runs all until the first that fails", () => {
    const { code, output } = script("torture", "--seed=3");
    expect(code).toBe(1);
    expect(output).toContain("torture breaks: seed 3");
    expect(output).not.toContain("torture holds");
  });

  test.each([["nope"], ["--fast"], ["--seed", "x"]])("refuses %s and lists what there is", (...args) => {
    const { code, output } = script("torture", ...args);
    expect(code).toBe(2);
    expect(output).toContain("breaks|holds|throws");
  });
});

describe("bench", () => {
  test("passes its options on; a missed floor fails only with --check", () => {
    const lenient = script("bench", "slow", "--quick");
    expect(lenient.output).toContain('{"quick":true,"json":false,"check":false}');
    expect(lenient.code).toBe(0);
    expect(script("bench", "slow", "--check").code).toBe(1);
  });

  test.each([[], ["nope"], ["slow", "--fast"]])("refuses %s and lists what there is", (...args) => {
    const { code, output } = script("bench", ...args);
    expect(code).toBe(2);
    expect(output).toContain("<slow>");
  });
});

describe("build and check", () => {
  test("a file that an exports map promises and the build does not make fails the build", () => {
    writeFileSync(join(project, "packages/one/tsup.config.ts"), "export default { entry: { other: 'other.ts' }, format: ['esm'] };");
    writeFileSync(join(project, "packages/one/other.ts"), "export const other = 1;");
    const { code, output } = script("build");
    expect(output).toContain("one: exports ./dist/index.js, which was not built");
    expect(code).toBe(1);
  });

  test("check goes on after a failed step, counts, and exits 1", () => {
    const { code, output } = script("check", "--only", "build,publint");
    expect(output).toMatch(/FAIL build +[\d.]+ s\nFAIL publint +[\d.]+ s/);
    expect(output).toContain("check: 0 passed, 2 failed (build, publint)");
    expect(code).toBe(1);
  });

  test("check refuses steps it does not have", () => {
    const { code, output } = script("check", "--only", "nope");
    expect(code).toBe(2);
    expect(output).toContain("there are format, types, test, build");
  });
});

test("every script that package.json names is there", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> };
  for (const command of Object.values(scripts)) {
    const file = /^node (scripts\/[\w-]+\.mjs)$/.exec(command)?.[1];
    if (file !== undefined) expect(readFileSync(join(root, file), "utf8")).not.toBe("");
  }
});
