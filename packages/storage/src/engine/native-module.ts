// Loads a native package when it is first needed, so that importing this package loads none.
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** Resolves from this package in both builds. CommonJS has no `import.meta.url`; `__filename` must come second: `node -e` defines it everywhere. */
function requireHere(): NodeJS.Require {
  const here: string | undefined = import.meta.url;
  return createRequire(here ?? __filename);
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
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw error;
    return undefined;
  }
}
