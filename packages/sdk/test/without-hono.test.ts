// The client without Hono, which is an optional peer behind `@cuitty/sdk/hono`: neither a bundler nor the type checker may meet it anywhere else.
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import ts from "typescript";
import { expect, test } from "vitest";

const folder = fileURLToPath(new URL(".", import.meta.url));

const withoutHono: Plugin = {
  name: "without-hono",
  setup({ onResolve }) {
    onResolve({ filter: /^hono(\/|$)/ }, ({ path }) => ({ errors: [{ text: `Could not resolve "${path}"` }] }));
  },
};

test.each(["browser", "node"] as const)("an app that has no hono is bundled for %s", async (platform) => {
  const contents = 'import { createCuittyClient } from "@cuitty/sdk"; createCuittyClient({}).honoMiddleware();';
  const { errors, metafile } = await build({
    stdin: { contents, resolveDir: folder },
    bundle: true,
    splitting: true,
    metafile: true,
    write: false,
    format: "esm",
    outdir: "/out",
    conditions: ["@cuitty/source"],
    platform,
    plugins: [withoutHono],
    logLevel: "silent",
  });
  expect(errors).toEqual([]);
  expect(Object.keys(metafile.inputs).filter((path) => path.includes("/hono/"))).toEqual([]);
});

test("the types of the client are read without hono", () => {
  const entries = ["node", "browser"].map((name) => fileURLToPath(new URL(`../src/${name}/index.ts`, import.meta.url)));
  const program = ts.createProgram(entries, {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    allowImportingTsExtensions: true,
    customConditions: ["@cuitty/source"],
    noEmit: true,
    types: [],
  });
  const files = program.getSourceFiles().map(({ fileName }) => fileName);
  expect(files).toEqual(expect.arrayContaining(entries));
  expect(files.filter((path) => path.includes("/node_modules/hono/"))).toEqual([]);
});
