// Makes the folder of a store, or of its key.
import type * as NodeFs from "node:fs";
import type * as NodePath from "node:path";
import { builtinModule } from "../crypto/builtin-module.ts";

/** A folder and those above it, for their owner alone. Not `recursive`: Node then tries for ever where a file system refuses with ENOENT, as /proc does. */
export function makeFolders(folder: string): void {
  if (make(folder) === undefined) return;
  makeFolders(builtinModule<typeof NodePath>("node:path")!.dirname(folder));
  const still = make(folder);
  if (still) throw still;
}

/** The error where a folder above it is missing; undefined when it is there now, whoever made it. */
function make(folder: string): Error | undefined {
  const fs = builtinModule<typeof NodeFs>("node:fs")!;
  const { dirname } = builtinModule<typeof NodePath>("node:path")!;
  try {
    fs.mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT" && dirname(folder) !== folder) return error as Error;
    if (code !== "EEXIST" || !fs.statSync(folder).isDirectory()) throw error;
  }
  return undefined;
}
