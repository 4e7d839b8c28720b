// The programs of docs/server-kit.md, run as they stand in a project folder of their own; what they print stands beside the call as a comment.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const page = await readFile(join(root, "docs/server-kit.md"), "utf8");
const programs = [...page.matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)```/g)].map(([, name, code]) => [String(name), String(code)] as const);

let folder: string;
beforeAll(async () => {
  // Inside the workspace, so that the packages resolve; the folder is ignored by git.
  await mkdir(join(root, ".tmp"), { recursive: true });
  folder = await mkdtemp(join(root, ".tmp/docs-"));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("there are programs to run", () => {
  expect(programs.map(([name]) => name)).toEqual(["session.ts", "parts.ts", "module.ts", "backup.ts"]);
});

test("they are TypeScript, strictly", async () => {
  for (const [name, code] of programs) await writeFile(join(folder, name), `${code}\nexport {};\n`);
  const compilerOptions = {
    ...{ strict: true, noEmit: true, target: "es2022", module: "nodenext", skipLibCheck: true, types: ["node"] },
    ...{ customConditions: ["@cuitty/source"], allowImportingTsExtensions: true },
  };
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: programs.map(([name]) => name) }));
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const { stdout } = await promisify(execFile)(process.execPath, [compiler, "-p", folder]).catch((error: { stdout: string }) => error);
  expect(stdout).toBe("");
}, 120_000);

test.each(programs)(
  "%s prints what it says",
  async (name, code) => {
    await writeFile(join(folder, name), code);
    const told = [...code.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, text]) => text);
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ["--conditions=@cuitty/source", "--import", "tsx", name], {
      cwd: folder,
    });
    expect(stderr).toBe("");
    expect(stdout.trimEnd().split("\n")).toEqual(told);
  },
  60_000,
);
