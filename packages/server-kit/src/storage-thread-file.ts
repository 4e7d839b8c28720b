// Where the file of the storage thread is.
import { existsSync } from "node:fs";
// Through the namespace: webpack puts `undefined` in the place of calls of `createRequire` that it cannot evaluate.
import * as nodeModule from "node:module";
import { fileURLToPath } from "node:url";
import type { ThreadEntry } from "@cuitty/storage/module-file";

/** The built entry `@cuitty/server-kit/storage-thread`; null where it is not installed, as in an app bundled into one file. */
export function storageThreadFile(): ThreadEntry | null {
  // CommonJS has no `import.meta.url`, or a page's address where a test has a `document`.
  const here: string | undefined = import.meta.url;
  // A source tree has no built entry, and a worker does not inherit the loader that runs it.
  if (here?.endsWith(".ts"))
    return { file: fileURLToPath(new URL("./storage-thread.source.mjs", here)), execArgv: ["--conditions=@cuitty/source"] };
  try {
    const file = nodeModule.createRequire(here?.startsWith("file:") ? here : __filename).resolve("@cuitty/server-kit/storage-thread");
    return existsSync(file) ? { file } : null;
  } catch {
    // reason: nothing to resolve from, or no such package from there
    return null;
  }
}
