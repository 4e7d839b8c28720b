// From the paths of the options to files: a folder stands for the files in and below it.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

export interface ExpandedPaths {
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

const maxDepth = 4;
const maxFolderEntries = 500;
const skipped = new Set(["node_modules", ".git", "..data"]);

/** A path that does not exist counts as a file. Of a folder at most 500 files are taken, four folders deep, without `node_modules` and `.git`. */
export async function expandPaths(paths: readonly string[]): Promise<ExpandedPaths> {
  const files = new Set<string>();
  const folders = new Set<string>();

  async function walk(folder: string, depth: number): Promise<void> {
    folders.add(folder);
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (skipped.has(entry.name) || files.size + folders.size >= maxFolderEntries) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (depth < maxDepth) await walk(path, depth + 1);
      } else if (entry.isFile() || (entry.isSymbolicLink() && (await isFile(path)))) files.add(path);
    }
  }

  for (const path of paths) {
    if (await isFolder(path)) await walk(path, 0);
    else files.add(path);
  }
  return { files: [...files], folders: [...folders] };
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
