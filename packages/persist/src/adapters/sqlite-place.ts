// Where a store's file really is, and whether what lies there is one, found out before anything is written.
import type * as NodeFs from "node:fs";
import type * as NodePath from "node:path";
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { followLinks } from "../core/follow-links.ts";
import { makeFolders } from "../core/make-folders.ts";
import { builtinModule } from "../crypto/builtin-module.ts";
import type { SqliteFile } from "./sqlite-file.ts";

/** "CUPS": a file of another kind is refused. */
export const applicationId = 0x43555053;

/** The absolute path with every link resolved, whether the file is there yet or not; its folder is made. Errors: `readonly`, `io`. */
export function realPlace(path: string): string {
  try {
    const file = followLinks(path, makeFolder);
    if (file !== undefined) return file;
  } catch (cause) {
    if (isCuittyError(cause)) throw cause;
    // Such as a name that is longer than the file system takes.
    const { code = "error" } = cause as { code?: string };
    const reason = `the store's file ${path.slice(0, 300)} cannot be made or opened (${code}); check the path, or name another`;
    throw new CuittyError(isDenial(cause) ? "readonly" : "io", reason, { cause });
  }
  throw new CuittyError("io", `the path ${path} is a link that leads to itself; name the file`);
}

/** The absolute path of the name as it was given, which may be a link, in its real folder, which is there. */
export function givenPlace(path: string): string {
  const fs = builtinModule<typeof NodeFs>("node:fs")!;
  const { resolve, dirname, basename, join } = builtinModule<typeof NodePath>("node:path")!;
  return join(fs.realpathSync(dirname(resolve(path))), basename(path));
}

/** Whether the system refuses to write there. */
function isDenial(error: unknown): boolean {
  return ["EACCES", "EROFS", "EPERM"].includes((error as { code?: string }).code ?? "");
}

/** What SQLite says of a file it may not write, or whose log it may not make beside it, is that it cannot be opened: `readonly` where that is the reason. */
export function placeError(error: unknown, file: string): unknown {
  if (!isCuittyError(error, "io")) return error;
  const fs = builtinModule<typeof NodeFs>("node:fs")!;
  const { dirname } = builtinModule<typeof NodePath>("node:path")!;
  for (const path of [dirname(file), `${file}.lock`, file]) {
    try {
      if (fs.existsSync(path)) fs.accessSync(path, fs.constants.R_OK | fs.constants.W_OK);
    } catch (cause) {
      if (!isDenial(cause)) continue;
      return new CuittyError(
        "readonly",
        `the store ${file} cannot be opened: ${path} is not writable for this process (${(cause as { code?: string }).code}); a store needs to write beside its file too`,
        { cause: error },
      );
    }
  }
  return error;
}

function makeFolder(folder: string): void {
  try {
    makeFolders(folder);
  } catch (cause) {
    const isDenied = isDenial(cause) || isShut(folder);
    throw new CuittyError(isDenied ? "readonly" : "io", `the folder ${folder} cannot be made; check the path and its permissions`, {
      cause,
    });
  }
}

/** Of a file system that takes nothing Node says that the folder is not there: what is there of the way to it tells. */
function isShut(folder: string): boolean {
  const fs = builtinModule<typeof NodeFs>("node:fs")!;
  const { dirname } = builtinModule<typeof NodePath>("node:path")!;
  let there = folder;
  while (!fs.existsSync(there) && dirname(there) !== there) there = dirname(there);
  try {
    fs.accessSync(there, fs.constants.W_OK);
    return false;
  } catch (error) {
    return isDenial(error);
  }
}

// https://www.sqlite.org/fileformat2.html sections 1.3 and 1.6: the file's header, then that of the schema's first page.
const magic = "SQLite format 3\0";
const applicationIdAt = 68;
const cellCountAt = 103;
const headBytes = 108;

/**
 * Refuses a file that is no store: no database, marked as another application's, or without a mark but with tables. A new store's mark and its tables
 * come in one commit on one page, so an opening that was killed leaves neither or both. Errors: `corrupt`.
 * Returns false when only the database's log can tell: it may hold the tables of a file that has none yet.
 */
export function assertStoreFile(file: string): boolean {
  const fs = builtinModule<typeof NodeFs>("node:fs")!;
  const head = headOf(fs, file);
  if (!head || head.length === 0) return true;
  if (head.length < headBytes || head.toString("latin1", 0, magic.length) !== magic) throw notStore(file, "no database");
  const mark = head.readUInt32BE(applicationIdAt);
  if (mark !== 0 && mark !== applicationId) throw notStore(file, "a database of another kind");
  if (mark === 0 && head.readUInt16BE(cellCountAt) > 0) throw notStore(file, foreign);
  return mark === applicationId || !fs.statSync(`${file}-wal`, { throwIfNoEntry: false })?.size;
}

/** The same check by the open database itself. Errors: `corrupt`. */
export function assertOwnTables(file: string, open: SqliteFile): void {
  const [mark] = open.prepare("PRAGMA application_id").get()!;
  if (mark === 0 && open.prepare("SELECT 1 FROM sqlite_master").get()) throw notStore(file, foreign);
}

const foreign = "a database of another application: it has tables";

/** Undefined where there is no file, or one that cannot be read, which opening it will tell. */
function headOf(fs: typeof NodeFs, file: string): Buffer | undefined {
  try {
    if (!fs.statSync(file).isFile()) return undefined;
    const handle = fs.openSync(file, "r");
    try {
      const head = Buffer.alloc(headBytes);
      return head.subarray(0, fs.readSync(handle, head, 0, headBytes, 0));
    } finally {
      fs.closeSync(handle);
    }
  } catch {
    return undefined;
  }
}

function notStore(file: string, what: string): CuittyError {
  return new CuittyError("corrupt", `the file ${file} is ${what}, not a store; nothing was written: name another path`);
}
