// Build settings shared by all packages: ESM, CommonJS and declarations from one pass, shared chunks kept shared.
import { readFileSync } from "node:fs";
import { defineConfig, type Options } from "tsup";

/** What a condition leads to: a file, or files by further conditions such as `browser`. */
type Target = string | { readonly [condition: string]: Target };

interface Manifest {
  readonly exports: Record<string, string | { "@cuitty/source"?: Target }>;
}

/** Entries of a package are its exports map: an entry cannot be published without being built, or built without being published. */
function entriesOf(manifestPath: string): Record<string, string> {
  const manifest = JSON.parse(readFileSync(manifestPath, "utf8")) as Manifest;
  const entries: Record<string, string> = {};
  for (const target of Object.values(manifest.exports)) {
    const source = typeof target === "string" ? undefined : target["@cuitty/source"];
    for (const file of filesOf(source)) if (file.endsWith(".ts")) entries[file.replace("./src/", "").replace(/\.ts$/, "")] = file;
  }
  return entries;
}

function filesOf(target: Target | undefined): readonly string[] {
  if (target === undefined) return [];
  return typeof target === "string" ? [target] : Object.values(target).flatMap(filesOf);
}

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
    tsconfig: "../../tsconfig.json",
    ...overrides,
  });
}
