// Loads a native package when it is first needed, so that importing this package loads none.
// Through the namespace: a bundler that knows the name `createRequire` (webpack) puts `undefined` in the place of calls it cannot evaluate.
import * as nodeModule from "node:module";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Where packages are looked for: from this file in both builds, then from the app's own entry, for an app that was bundled on another machine.
 * CommonJS has no `import.meta.url`, or a page's address where a test has a `document`; `__filename` must come second: `node -e` defines it everywhere.
 */
function places(): NodeJS.Require[] {
  const meta: string | undefined = import.meta.url;
  const here = meta?.startsWith("file:") ? meta : typeof __filename === "string" ? __filename : undefined;
  const entry = process.argv[1];
  const from = [here, entry === undefined ? undefined : resolve(entry)];
  return from.filter((place) => place !== undefined).map((place) => nodeModule.createRequire(place));
}

/** The first place that has the package; undefined when none has. */
function find(name: string): { readonly require: NodeJS.Require; readonly entry: string } | undefined {
  for (const require of places()) {
    try {
      return { require, entry: require.resolve(name) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  return undefined;
}

/** Loads a package by name. Throws what `require` throws. */
export function loadNative<T>(name: string): T {
  const require = find(name)?.require ?? (places()[0] as NodeJS.Require);
  return require(name) as T;
}

/** Folder of a package's entry file, links resolved; undefined when it is not installed. Two copies of one native library are two libraries. */
export function locateNative(name: string): string | undefined {
  const entry = find(name)?.entry;
  return entry === undefined ? undefined : dirname(entry.startsWith("file:") ? fileURLToPath(entry) : entry);
}
