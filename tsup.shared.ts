// Build settings shared by all packages: ESM, CommonJS and declarations from one pass, shared chunks kept shared.
import { readFileSync } from "node:fs";
import { defineConfig, type Options } from "tsup";

/** What an exports map leads to: a file, or files by subpath and condition. */
type ExportTarget = string | { readonly [key: string]: ExportTarget };

/** Entries of a package are its exports map: an entry cannot be published without being built, or built without being published. */
function entriesOf(manifestPath: string): Record<string, string> {
  const manifest = JSON.parse(readFileSync(manifestPath, "utf8")) as { readonly exports: ExportTarget };
  const sources = sourcesOf(manifest.exports).filter((source) => source.endsWith(".ts"));
  return Object.fromEntries(sources.map((source) => [source.replace("./src/", "").replace(/\.ts$/, ""), source]));
}

/** Targets of the source condition; a subpath may have one for browsers and one for Node. */
function sourcesOf(target: ExportTarget, isSource = false): readonly string[] {
  if (typeof target === "string") return isSource ? [target] : [];
  return Object.entries(target).flatMap(([condition, inner]) => sourcesOf(inner, isSource || condition === "@cuitty/source"));
}

/**
 * CommonJS loads its chunks with `require`, too: where a host brings its own (Jest), there is no `import()`, and no ES module can be required.
 * A method that is called `import` has no text or comment between its parentheses.
 */
const commonJsLoads: NonNullable<Options["plugins"]>[number] = {
  name: "commonjs-loads",
  renderChunk(code) {
    if (this.format !== "cjs") return undefined;
    const text = /\bimport\(("[^"]+"|'[^']+'|(?:\s*\/\*.*?\*\/)+\s*\w+\s*)\)/g;
    return { code: code.replace(text, (_, specifier: string) => `Promise.resolve().then(() => require(${specifier}))`) };
  },
};

/** So the CommonJS build carries the libraries along that exist as ES modules only; the ES build imports them. */
const carriedAlong: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "carried-along",
  setup(build) {
    if (build.initialOptions.outExtension?.[".js"] === ".cjs") return;
    build.onResolve({ filter: /^@noble\// }, ({ path }) => ({ path, external: true }));
  },
};

/** tsup configuration of the package in the current folder. */
export function packageBuild(overrides: Options = {}): ReturnType<typeof defineConfig> {
  return defineConfig({
    entry: entriesOf("package.json"),
    format: ["esm", "cjs"],
    dts: true,
    clean: true,
    splitting: true,
    treeshake: true,
    target: "es2022",
    platform: "neutral",
    external: [/^node:/],
    noExternal: [/^@noble\//],
    plugins: [commonJsLoads],
    esbuildPlugins: [carriedAlong],
    // Bun, Deno and bundlers tell a built-in by its prefix.
    removeNodeProtocol: false,
    tsconfig: "../../tsconfig.json",
    ...overrides,
  });
}
