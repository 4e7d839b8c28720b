// What an app gets with `createStore`: small at once, and nothing it did not name.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { expect, test } from "vitest";

const source = 'export { createStore } from "@cuitty/persist";';

async function bundle(options: { readonly initialOnly: boolean; readonly missing?: readonly string[] }) {
  const result = await build({
    stdin: { contents: source, resolveDir: import.meta.dirname, loader: "ts" },
    bundle: true,
    minify: true,
    splitting: !options.initialOnly,
    format: "esm",
    platform: "browser",
    outdir: "/out",
    write: false,
    metafile: true,
    conditions: ["@cuitty/source"],
    logLevel: "silent",
    alias: Object.fromEntries((options.missing ?? []).map((name) => [name, "not-installed"])),
    plugins: [
      {
        name: "scope",
        setup(scope) {
          if (options.initialOnly)
            scope.onResolve({ filter: /./ }, ({ kind }) => (kind === "dynamic-import" ? { external: true } : undefined));
        },
      },
    ],
  });
  const entry = result.outputFiles.find(({ path }) => path.endsWith("stdin.js"))!;
  return { entry, files: result.outputFiles.length, inputs: Object.keys(result.metafile.inputs) };
}

test("the initial chunk is at most 25 kB gzip and holds no noble, TypeBox, driver or Node module", async () => {
  const { entry, inputs } = await bundle({ initialOnly: true });
  expect(gzipSync(entry.contents).length).toBeLessThanOrEqual(25_000);
  expect(
    inputs.filter((path) =>
      /noble|typebox|libsql|packages\/storage|keyring|yjs|providers\/(node|noble|webcrypto)|adapters\/(sqlite|memory|indexeddb)/.test(path),
    ),
  ).toEqual([]);
});

test("a browser bundle needs neither native code nor Node modules, and builds without the optional TypeBox", async () => {
  const { files, inputs } = await bundle({ initialOnly: false, missing: ["@sinclair/typebox"] });
  expect(files).toBeGreaterThan(5);
  expect(inputs.filter((path) => /libsql|packages\/storage|keyring/.test(path))).toEqual([]);
});
