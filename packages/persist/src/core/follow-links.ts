// Where a file really is, or will be once it is made.
import type * as NodeFs from "node:fs";
import type * as NodePath from "node:path";
import { builtinModule } from "../crypto/builtin-module.ts";

/** As many links as Linux follows. */
const maxLinks = 40;

/** The absolute path with every link resolved, whether the file is there yet or not; undefined for a link that leads to itself. `makeFolder` sees to each folder on the way. */
export function followLinks(path: string, makeFolder: (folder: string) => void): string | undefined {
  const fs = builtinModule<typeof NodeFs>("node:fs")!;
  const { resolve, dirname, basename, join } = builtinModule<typeof NodePath>("node:path")!;
  let file = resolve(path);
  for (let links = 0; links < maxLinks; links++) {
    makeFolder(dirname(file));
    file = join(fs.realpathSync(dirname(file)), basename(file));
    // A link may lead to a file that is yet to be made: two names of it are one file all the same.
    if (!fs.lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink()) return file;
    file = resolve(dirname(file), fs.readlinkSync(file));
  }
  return undefined;
}
