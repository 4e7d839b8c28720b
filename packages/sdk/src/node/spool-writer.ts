// Writes batches into a spool folder at once. Part of the entry, not of the engine: a process may end before that is loaded.
import { mkdirSync, realpathSync, renameSync, writeFileSync } from "node:fs";
import type { Settings } from "../options.ts";
import type { DirectorySpoolOptions, SpoolAdapter, SpooledBatch } from "../spool.ts";

/** The writing half of a spool folder. Errors: `put` throws what the file system says. */
export interface SpoolWriter {
  readonly directory: string;
  /** Part of the names of its files. Unlike a process id it is never used twice. */
  readonly owner: string;
  put(batch: SpooledBatch): void;
}

/** The spool that the settings name; undefined when they name none, or that of a page. Errors: throws when the folder cannot be made. */
export function openWriter({ spool }: Settings): SpoolWriter | SpoolAdapter | undefined {
  if ((spool as SpoolAdapter).put) return spool as SpoolAdapter;
  const { directory: path = spool as string } = spool as Partial<DirectorySpoolOptions>;
  if (!path || spool === "indexeddb") return undefined;
  const owner = crypto.randomUUID().slice(24);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  // Absolute: the host may change its working directory.
  const directory = realpathSync(path);
  return {
    directory,
    owner,
    put({ sealedAtMs, key, events }) {
      const path = `${directory}/${sealedAtMs}_${key}_${process.pid}_${owner}`;
      // Renamed when it is whole: a file that ends in .batch is never half a batch.
      writeFileSync(`${path}.part`, events.join("\n"), { mode: 0o600 });
      renameSync(`${path}.part`, `${path}.batch`);
    },
  };
}
