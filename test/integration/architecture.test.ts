// The arrows of ARCHITECTURE.md, read from the import statements themselves.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const allowed: Readonly<Record<string, readonly string[]>> = {
  "wire-protocol": [],
  sdk: ["wire-protocol"],
  storage: ["wire-protocol"],
  persist: ["wire-protocol", "storage"],
  "server-kit": ["wire-protocol", "storage"],
};

interface Import {
  readonly file: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !/\.(test|browser)\.ts$|suite\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8");
  const statements = text.matchAll(
    /(?:^|\n)\s*(import|export)\s+(type\s+)?(?:[^;'"]*?\sfrom\s+)?["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)/g,
  );
  return [...statements].map(([, , type, from, dynamic]) => ({ file, target: (from ?? dynamic)!, typeOnly: type !== undefined }));
}

const packages = Object.keys(allowed).map((name) => {
  const folder = join(root, "packages", name, "src");
  return { name, folder, imports: sourceFiles(folder).flatMap(importsOf) };
});

describe.each(packages)("$name", ({ name, folder, imports }) => {
  test("imports only the packages below it", () => {
    const wrong = imports
      .filter(({ target }) => target.startsWith("@cuitty/"))
      .filter(({ target }) => ![name, ...allowed[name]!].includes(target.split("/")[1]!))
      .map(({ file, target }) => `${relative(root, file)} imports ${target}`);
    expect(wrong).toEqual([]);
  });

  test("reaches other packages by their subpaths, never by relative paths", () => {
    const outside = imports.filter(
      ({ file, target }) => target.startsWith(".") && relative(folder, resolve(dirname(file), target)).startsWith(".."),
    );
    expect(outside.map(({ file, target }) => `${relative(root, file)} imports ${target}`)).toEqual([]);
  });

  test("has no import cycle", () => {
    const edges = new Map<string, string[]>();
    for (const { file, target, typeOnly } of imports) {
      if (!typeOnly && target.startsWith(".")) edges.set(file, [...(edges.get(file) ?? []), resolve(dirname(file), target)]);
    }
    const cycles: string[] = [];
    const done = new Set<string>();
    const walk = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].map((part) => relative(root, part)).join(" -> "));
      if (path.includes(file) || done.has(file)) return;
      for (const next of edges.get(file) ?? []) walk(next, [...path, file]);
      done.add(file);
    };
    for (const file of edges.keys()) walk(file, []);
    expect(cycles).toEqual([]);
  });
});

test("the sdk imports no runtime schema: TypeBox stays out of client bundles", () => {
  const sdk = packages.find(({ name }) => name === "sdk")!;
  const wrong = sdk.imports.filter(
    ({ target, typeOnly }) => !typeOnly && /typebox|wire-protocol\/(events|check-event|envelope)/.test(target),
  );
  expect(wrong.map(({ file, target }) => `${relative(root, file)} imports ${target}`)).toEqual([]);
});

test("persist reaches storage only lazily or by type, and only through its file layer", () => {
  const persist = packages.find(({ name }) => name === "persist")!;
  const targets = new Set(persist.imports.filter(({ target }) => target.startsWith("@cuitty/storage")).map(({ target }) => target));
  for (const target of targets) expect(target).toBe("@cuitty/storage/file");
});

test("no module of server-kit imports another module", () => {
  const folder = join(root, "packages/server-kit/src/modules");
  const kit = packages.find(({ name }) => name === "server-kit")!;
  const moduleOf = (path: string): string | undefined =>
    relative(folder, path).startsWith("..") ? undefined : relative(folder, path).split("/")[0];
  const wrong = kit.imports.filter(({ file, target }) => {
    const from = moduleOf(file);
    const to = target.startsWith(".") ? moduleOf(resolve(dirname(file), target)) : undefined;
    return from !== undefined && to !== undefined && from !== to && to !== "shared";
  });
  expect(wrong.map(({ file, target }) => `${relative(root, file)} imports ${target}`)).toEqual([]);
});
