// Remembers in a small JSON file which commits and refs have been sent.
import { randomUUID } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import type { RepositoryCursor, RepositoryState } from "../repository.ts";

/** A cursor kept in a file that is replaced as a whole, so that a crash leaves the old or the new one. A file that is not ours counts as none. */
export function fileCursor(path: string): RepositoryCursor {
  return {
    async load() {
      const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return "";
        throw error;
      });
      return parseState(text);
    },
    async save(state) {
      const draft = `${path}.${randomUUID()}`;
      try {
        await writeFile(draft, `${JSON.stringify(state)}\n`, { mode: 0o600, flush: true });
        await rename(draft, path);
      } catch (error) {
        await rm(draft, { force: true });
        throw error;
      }
    },
  };
}

function parseState(text: string): RepositoryState | undefined {
  try {
    const { tips, refs } = JSON.parse(text) as RepositoryState;
    const isState = Array.isArray(tips) && tips.every((tip) => /^[0-9a-f]{40,64}$/.test(tip)) && typeof refs === "object" && refs !== null;
    return isState ? { tips, refs } : undefined;
  } catch {
    return undefined;
  }
}
