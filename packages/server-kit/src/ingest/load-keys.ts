// Reads the idempotency keys that files have from before into memory, a page at a time between what else the files do.
import type { ModuleFile } from "@cuitty/storage/module-file";
import type { KnownKeys } from "./known-keys.ts";

const pageKeys = 2_000;
const page = `SELECT project, key FROM _inbox WHERE (project, key) > (?, ?) ORDER BY project, key LIMIT ${pageKeys}`;

/** Resolves when the first page of each file is there; `known` is told when all are. A file that cannot be read leaves every key known, as it was before. */
export async function loadKeys(known: KnownKeys, files: readonly ModuleFile[], signal: AbortSignal): Promise<void> {
  const rests = await Promise.all(files.map((file) => loadPage(known, file, ["", ""])));
  const load = async () => {
    for (const [index, rest] of rests.entries()) {
      let after = rest;
      while (after !== null && !signal.aborted) after = await loadPage(known, files[index] as ModuleFile, after);
    }
    if (!signal.aborted) known.setLoaded();
  };
  // reason: the file is closed or cannot be read, and whoever writes to it is told so
  const loaded = load().catch(() => undefined);
  if (rests.every((rest) => rest === null)) await loaded;
}

/** The last key of the page; null when it was the last page. */
async function loadPage(known: KnownKeys, file: ModuleFile, after: Position): Promise<Position | null> {
  const rows = (await file.all(page, after)) as [string, string][];
  for (const [project, key] of rows) known.add(project, key);
  return rows.length < pageKeys ? null : (rows.at(-1) as Position);
}

type Position = [project: string, key: string];
