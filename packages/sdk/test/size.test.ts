// What a page or a process loads before anything happens, in bytes: bundled as a user's bundler would, minified and gzipped.
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Metafile, type OutputFile } from "esbuild";
import { describe, expect, test } from "vitest";

const source = fileURLToPath(new URL("../src/", import.meta.url));

interface Bundle {
  /** Gzipped bytes of the entry and everything it imports statically. */
  readonly initial: number;
  /** Gzipped bytes of each lazy chunk by the name of its source file. */
  readonly lazy: Readonly<Record<string, number>>;
  readonly inputs: readonly string[];
}

async function bundle(entry: string, platform: "browser" | "node"): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    entryPoints: [source + entry],
    bundle: true,
    minify: true,
    splitting: true,
    metafile: true,
    write: false,
    format: "esm",
    target: "es2022",
    outdir: "/out",
    conditions: ["@cuitty/source"],
    platform,
  });
  const sizes = sizesOf(outputFiles, metafile);
  const first = Object.keys(metafile.outputs).find((path) => metafile.outputs[path]?.entryPoint?.endsWith(entry)) as string;
  const initial = [...closure(metafile, first)].reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0);
  const lazy: Record<string, number> = {};
  for (const [path, { entryPoint }] of Object.entries(metafile.outputs)) {
    if (entryPoint && path !== first) lazy[entryPoint.split("/").at(-1) as string] = sizes.get(path) ?? 0;
  }
  return { initial, lazy, inputs: Object.keys(metafile.inputs) };
}

function sizesOf(files: readonly OutputFile[], metafile: Metafile): Map<string, number> {
  const size = (path: string): number =>
    gzipSync(files.find((file) => path.endsWith(file.path.split("/").at(-1) as string))?.contents ?? "", { level: 9 }).length;
  return new Map(Object.keys(metafile.outputs).map((path) => [path, size(path)]));
}

/** A chunk with the chunks it imports statically. */
function closure(metafile: Metafile, path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  for (const { path: next, kind } of metafile.outputs[path]?.imports ?? []) if (kind === "import-statement") closure(metafile, next, seen);
  return seen;
}

describe("the browser entry", () => {
  test("loads at most 3.5 kB before anything happens", async () => {
    const { initial } = await bundle("browser/index.ts", "browser");
    expect(initial).toBeLessThanOrEqual(3_500);
  });

  test("loads signing and compression when they are needed, at most 0.4 kB each, and noble only without WebCrypto", async () => {
    const { lazy } = await bundle("browser/index.ts", "browser");
    expect(lazy["sign-webcrypto.ts"]).toBeLessThanOrEqual(400);
    expect(lazy["gzip.ts"]).toBeLessThanOrEqual(400);
    expect(Object.keys(lazy)).toContain("sign-noble.ts");
  });

  test("loads at most 4.5 kB more when it starts", async () => {
    const { lazy } = await bundle("browser/index.ts", "browser");
    expect(lazy["engine.ts"]).toBeLessThanOrEqual(4_500);
  });
});

test("the Node entry loads at most 4.5 kB before anything happens", async () => {
  const { initial } = await bundle("node/index.ts", "node");
  expect(initial).toBeLessThanOrEqual(4_500);
});

test.each(["browser/index.ts", "node/index.ts"])("%s reaches no TypeBox, eagerly or lazily", async (entry) => {
  const { inputs } = await bundle(entry, entry.startsWith("node") ? "node" : "browser");
  expect(inputs.filter((path) => path.includes("typebox"))).toEqual([]);
});
