// Loads a native package when it is first needed, so that importing this package loads none.
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** Resolves from this package in both builds: `import.meta.url` does not exist in CommonJS, `__filename` not in ES modules. */
function requireHere(): NodeJS.Require {
  return createRequire(typeof __filename === "string" ? __filename : import.meta.url);
}

/** Loads a package by name. Throws what `require` throws. */
export function loadNative<T>(name: string): T {
  return requireHere()(name) as T;
}

/** Folder of a package's entry file, links resolved; undefined when it is not installed. Two copies of one native library are two libraries. */
export function locateNative(name: string): string | undefined {
  try {
    const entry = requireHere().resolve(name);
    return dirname(entry.startsWith("file:") ? fileURLToPath(entry) : entry);
  } catch {
    // reason: not installed is an answer here, the caller decides whether it is an error
    return undefined;
  }
}
