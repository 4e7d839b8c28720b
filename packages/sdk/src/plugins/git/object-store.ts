// Objects of a git repository by id: loose ones, packed ones, and those of borrowed object folders.
import { readdir, readFile } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { inflateSync } from "node:zlib";
import { type GitObject, openPack, type Pack } from "./pack.ts";

export interface ObjectStore {
  /** Undefined when the object is not there (shallow and partial clones) or larger than 4 MiB. Errors: throws on damaged files. */
  read(id: string): Promise<GitObject | undefined>;
  close(): Promise<void>;
}

const maxAlternates = 16;
const maxLooseBytes = 4 * 1024 * 1024;

/** Opens the object folder of a repository (`<common dir>/objects`). Source: git, "gitrepository-layout". */
export async function openObjects(folder: string, idBytes: number): Promise<ObjectStore> {
  const folders = await withAlternates(folder);
  const packs: Pack[] = [];

  async function read(id: string): Promise<GitObject | undefined> {
    for (const each of folders) {
      const found = await readLoose(each, id);
      if (found !== undefined) return found;
    }
    for (const pack of packs) {
      const found = await pack.read(id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  for (const each of folders) {
    for (const name of await namesIn(join(each, "pack"))) {
      if (!name.endsWith(".idx")) continue;
      // A pack may be removed by a repack while we look at it: what it held is in another one.
      const pack = await openPack(join(each, "pack", name.slice(0, -4)), idBytes, read).catch(() => undefined);
      if (pack !== undefined) packs.push(pack);
    }
  }
  return {
    read,
    async close() {
      await Promise.all(packs.map((pack) => pack.close()));
    },
  };
}

async function readLoose(folder: string, id: string): Promise<GitObject | undefined> {
  let compressed: Buffer;
  try {
    compressed = await readFile(join(folder, id.slice(0, 2), id.slice(2)));
  } catch {
    return undefined;
  }
  const bytes = inflateSync(compressed, { maxOutputLength: maxLooseBytes });
  const headEnd = bytes.indexOf(0);
  const type = bytes.toString("latin1", 0, bytes.indexOf(32));
  return headEnd < 0 ? undefined : { type, content: bytes.subarray(headEnd + 1) };
}

/** `git clone --shared` and `--reference` borrow the objects of other folders, which may borrow in turn. */
async function withAlternates(folder: string): Promise<readonly string[]> {
  const folders = [folder];
  for (let i = 0; i < folders.length && folders.length < maxAlternates; i += 1) {
    const at = folders[i] as string;
    const list = await readFile(join(at, "info", "alternates"), "utf8").catch(() => "");
    for (const line of list.split("\n")) {
      if (line === "" || line.startsWith("#")) continue;
      const path = isAbsolute(line) ? line : join(at, line);
      if (!folders.includes(path)) folders.push(path);
    }
  }
  return folders;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}
