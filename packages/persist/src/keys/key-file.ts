// A key file of mode 0600, for machines without a keychain: servers, containers, CI.
import type * as NodeFs from "node:fs";
import type * as NodePath from "node:path";
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { builtinModule } from "../crypto/builtin-module.ts";
import { exchangeText, type KeyPlace } from "./key-storage.ts";

interface KeyFile {
  readonly cuitty: "persist-key";
  readonly storeId: string;
  readonly key: string;
}

/** Far more than the keys of a ring take. */
const maxFileBytes = 1024 * 1024;

export interface KeyFileOptions {
  readonly path: string;
  /** A file the caller named may come from a secret mount with its own mode; our own must be 0600. */
  readonly isNamed: boolean;
}

/** Undefined outside Node, Bun and Deno. */
export function keyFilePlace({ path, isNamed }: KeyFileOptions): KeyPlace | undefined {
  const fs = builtinModule<typeof NodeFs>("node:fs");
  if (!fs) return undefined;
  return {
    kind: "file",
    load: async (storeId) => load(fs, { path, isNamed }, storeId),
    update: (storeId, change) =>
      exchangeText(
        {
          read: () => keyIn(fs, { path, isNamed }, storeId),
          write: (key) => save(fs, path, { cuitty: "persist-key", storeId, key }),
        },
        change,
      ),
  };
}

function load(fs: typeof NodeFs, { path, isNamed }: KeyFileOptions, storeId: string): string | undefined {
  let text: string;
  try {
    const others = fs.statSync(path).mode & 0o077;
    if (others !== 0 && !isNamed && globalThis.process?.platform !== "win32") {
      throw new CuittyError(
        "key_file_open",
        `the key file ${path} can be read by other users; run "chmod 600" on it and think about rotating the key`,
      );
    }
    text = isStoreFile(fs, path) ? "" : fs.readFileSync(path, "utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    if ((error as { code?: string }).code === "key_file_open") throw error;
    throw new CuittyError("key_storage_failed", `the key file ${path} cannot be read`, { cause: error });
  }
  const file = parse(text);
  if (!file)
    throw new CuittyError(
      "key_storage_failed",
      `the key file ${path} is not one of this library; restore it, or move it away and pass \`key\``,
    );
  if (file.storeId === storeId) return file.key;
  throw new CuittyError(
    "wrong_key",
    `the key file ${path} belongs to another store; restore the right one, or name another keyFile and pass \`key\``,
  );
}

function parse(text: string): KeyFile | undefined {
  try {
    const file = JSON.parse(text) as KeyFile;
    return file.cuitty === "persist-key" && typeof file.key === "string" ? file : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The key of that store, whoever may read the file: what is saved next closes it. A file that is no key file is never replaced, one of another store only
 * where nobody named it. Errors: `invalid_option`.
 */
function keyIn(fs: typeof NodeFs, { path, isNamed }: KeyFileOptions, storeId: string): string | undefined {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (!stat || (stat.isFile() && stat.size === 0)) return undefined;
  // Whatever it is, it is not read as a whole when it cannot be a key.
  const isReadable = stat.isFile() && stat.size <= maxFileBytes && !isStoreFile(fs, path);
  const file = isReadable ? parse(fs.readFileSync(path, "utf8")) : undefined;
  if (!file) throw inTheWay(path, "is no key file of this library");
  if (file.storeId === storeId) return file.key;
  if (isNamed) throw inTheWay(path, "holds the key of another store");
  return undefined;
}

/** A store has its lock beside it. Opening and closing the file would drop the locks that an open one has on it. */
function isStoreFile(fs: typeof NodeFs, path: string): boolean {
  return fs.existsSync(`${fs.realpathSync(path)}.lock`);
}

function inTheWay(path: string, what: string): CuittyError {
  return new CuittyError(
    "invalid_option",
    `the key cannot be kept in ${path}: it ${what}, and was left as it is; name another keyFile, or move it away`,
  );
}

/** Written beside, synced, renamed over: a crash leaves the old file or the new one. */
function save(fs: typeof NodeFs, path: string, file: KeyFile): void {
  try {
    write(fs, path, file);
  } catch (error) {
    const code = (error as { code?: string }).code ?? "";
    if (code === "ENOSPC" || code === "EDQUOT") {
      throw new CuittyError("full", `no space left to save the key in ${path}; make room and try again`, { retryable: true, cause: error });
    }
    if (code === "EROFS" || code === "EACCES" || code === "EPERM")
      throw new CuittyError("readonly", `the key cannot be saved in ${path} (${code}); make its folder writable, or name another keyFile`, {
        cause: error,
      });
    throw error;
  }
}

function write(fs: typeof NodeFs, path: string, file: KeyFile): void {
  const nodePath = builtinModule<typeof NodePath>("node:path")!;
  const folder = nodePath.dirname(path);
  fs.mkdirSync(folder, { recursive: true });
  keepOther(fs, path, file.storeId);
  const draft = `${path}.new`;
  fs.rmSync(draft, { force: true });
  const handle = fs.openSync(draft, "wx", 0o600);
  try {
    fs.writeSync(handle, `${JSON.stringify(file)}\n`);
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
  fs.renameSync(draft, path);
  syncFolder(fs, folder);
}

/** The key of another store stays: its file may have been moved away and come back, and no key is ever made twice. */
function keepOther(fs: typeof NodeFs, path: string, storeId: string): void {
  if (!fs.existsSync(path)) return;
  const other = parse(fs.readFileSync(path, "utf8"));
  if (other && other.storeId !== storeId) fs.renameSync(path, `${path}.${other.storeId}`);
}

/** A rename is durable when its folder is; Windows cannot open folders and does not need it. */
function syncFolder(fs: typeof NodeFs, folder: string): void {
  if (globalThis.process?.platform === "win32") return;
  const handle = fs.openSync(folder, "r");
  try {
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}
