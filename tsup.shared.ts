// Build settings shared by all packages: ESM, CommonJS and declarations from one pass, shared chunks kept shared.
import { readFileSync } from "node:fs";
import { defineConfig, type Options } from "tsup";

interface Manifest {
  readonly exports: Record<string, string | { "@cuitty/source"?: string }>;
}

/** Entries of a package are its exports map: an entry cannot be published without being built, or built without being published. */
function entriesOf(manifestPath: string): Record<string, string> {
  const manifest = JSON.parse(readFileSync(manifestPath, "utf8")) as Manifest;
  const entries: Record<string, string> = {};
  for (const target of Object.values(manifest.exports)) {
    const source = typeof target === "string" ? undefined : target["@cuitty/source"];
    if (source?.endsWith(".ts")) entries[source.replace("./src/", "").replace(/\.ts$/, "")] = source;
  }
  return entries;
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
