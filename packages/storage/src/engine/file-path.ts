// Paths of files and folders: what a path may be, what is made where nothing is, and every failure as a CuittyError.
import { closeSync, lstatSync, mkdirSync, openSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";

/** Refuses a URL, which would else become the name of a file. Errors: `unsupported_location` that says what to use. */
export function assertNoUrl(location: string): void {
  // A drive letter is no scheme.
  const [, scheme] = /^(file(?=:)|[a-z][a-z0-9+.-]+(?=:\/\/))/i.exec(location.toLowerCase()) ?? [];
  if (scheme === undefined) return;
  const todo =
    scheme === "file"
      ? "pass its path, for instance fileURLToPath(url)"
      : "only openModuleFile of @cuitty/storage/module-file opens a database behind a libsql:, https: or http: URL";
  throw new CuittyError("unsupported_location", `expected the path of a file, got a ${scheme}: URL; ${todo}`, { details: { scheme } });
}

/** The path with links resolved. Errors: `readonly`, `io`. */
export function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw pathError(error, path, `cannot open ${path}`);
  }
}

/**
 * Makes the file if it is missing, readable by its owner alone, so that it has an inode to be known by. At a link to nothing it makes what
 * the link names, as SQLite does. Errors: `readonly`, `full`, `io`.
 */
export function ensureFile(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw pathError(error, path, `cannot make ${path}`);
    const target = danglingTarget(path);
    if (target !== undefined) ensureFile(target);
  }
}

/** What a link to nothing names. A circle of links is an error of `statSync`. */
function danglingTarget(path: string): string | undefined {
  try {
    if (statSync(path, { throwIfNoEntry: false }) !== undefined || !lstatSync(path).isSymbolicLink()) return undefined;
    return resolve(realpathSync(dirname(path)), readlinkSync(path));
  } catch (error) {
    throw pathError(error, path, `cannot open ${path}`);
  }
}

/** Makes a folder and those above it, mode 0700. Errors: `readonly`, `full`, `io`. */
export function makeFolder(folder: string): void {
  try {
    makeFolders(resolve(folder));
  } catch (error) {
    throw pathError(error, folder, `cannot make the folder ${folder}`);
  }
}

/** Not `recursive`: Node then tries for ever where a file system refuses with ENOENT, as /proc does. */
function makeFolders(folder: string): void {
  if (make(folder) === undefined) return;
  makeFolders(dirname(folder));
  const still = make(folder);
  if (still) throw still;
}

/** The error where a folder above it is missing; undefined when it is there now, whoever made it. */
function make(folder: string): Error | undefined {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && dirname(folder) !== folder) return error as Error;
    if (code !== "EEXIST" || !statSync(folder).isDirectory()) throw error;
  }
  return undefined;
}

const codes: Readonly<Record<string, string>> = { EACCES: "readonly", EROFS: "readonly", EPERM: "readonly", ENOSPC: "full" };

function pathError(error: unknown, path: string, what: string): CuittyError {
  const { code = "unknown error" } = error as NodeJS.ErrnoException;
  return new CuittyError(codes[code] ?? "io", `${what}${adviceOf(code)}`, { retryable: true, details: { path, code }, cause: error });
}

function adviceOf(code: string): string {
  if (code === "ENOENT") return ": its folder does not exist; make the folder first";
  if (code === "EISDIR") return ": it is a folder; pass the path of a file";
  if (code === "EMFILE" || code === "ENFILE") return `: too many files are open (${code}); close some, or raise the limit (ulimit -n)`;
  if (code === "ELOOP") return ": its links lead in a circle; pass the path of a file";
  return ` (${code}); check that its folder can be written`;
}
