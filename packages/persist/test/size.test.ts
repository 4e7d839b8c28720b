// What an app gets with `createStore`: small at once, and nothing it did not name.
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { build as buildWithVite, defaultClientConditions, type Rolldown } from "vite";
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

/** What a page bundled by Vite loads at once, its helpers included: whole modules, as some parts of them are needed by chunks that come later. */
async function initialOfVite(): Promise<number> {
  const entry = "\0page";
  const output = (await buildWithVite({
    configFile: false,
    root: import.meta.dirname,
    logLevel: "silent",
    resolve: { conditions: ["@cuitty/source", ...defaultClientConditions] },
    build: { write: false, rollupOptions: { input: "page" } },
    plugins: [
      {
        name: "page",
        resolveId: (id) => (id === "page" ? entry : undefined),
        load: (id) => (id === entry ? 'import { createStore } from "@cuitty/persist"; globalThis.createStore = createStore;' : undefined),
      },
    ],
  })) as Rolldown.RolldownOutput;
  const chunks = new Map(output.output.flatMap((file) => (file.type === "chunk" ? [[file.fileName, file] as const] : [])));
  const initial = new Set<string>();
  const add = (name: string): void => {
    if (initial.has(name)) return;
    initial.add(name);
    for (const next of chunks.get(name)!.imports) add(next);
  };
  for (const { fileName, isEntry } of chunks.values()) if (isEntry) add(fileName);
  return [...initial].reduce((sum, name) => sum + gzipSync(chunks.get(name)!.code).length, 0);
}

test("all that a page bundled by Vite loads at once is at most 25 kB gzip", async () => {
  const size = await initialOfVite();
  expect(size).toBeGreaterThan(10_000);
  expect(size).toBeLessThanOrEqual(25_000);
});
