// A key file of mode 0600, for machines without a keychain: servers, containers, CI.
import type * as NodeFs from "node:fs";
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { builtinModule } from "../crypto/builtin-module.ts";
import { type KeyFile, parseKeyFile, saveKeyFile } from "./key-file-save.ts";
import { exchangeText, type KeyPlace } from "./key-storage.ts";

/** Far more than the keys of a ring take. */
const maxFileBytes = 1024 * 1024;

const storeIdPattern = /^[0-9a-f]{32}$/;

export interface KeyFileOptions {
  readonly path: string;
  /** A file the caller named may come from a secret mount with its own mode; our own must be 0600. */
  readonly isNamed: boolean;
  /** Where earlier releases kept it: read where there is none at `path`, never written. */
  readonly olderPath?: string | undefined;
  /** Tells the place of the store from every other one: a key whose store was never made is used only there. */
  readonly madeFor: string;
}

/** Undefined outside Node, Bun and Deno. */
export function keyFilePlace(options: KeyFileOptions): KeyPlace | undefined {
  const fs = builtinModule<typeof NodeFs>("node:fs");
  if (!fs) return undefined;
  const { path, olderPath, madeFor } = options;
  // What is saved first comes before the manifest.
  let pendingFor: string | undefined = madeFor;
  const save = (storeId: string, key: string) =>
    saveKeyFile(fs, path, { cuitty: "persist-key", storeId, key, ...(pendingFor === undefined ? {} : { pendingFor }) });
  return {
    kind: "file",
    lookedAt: olderPath === undefined ? path : `${path}, ${olderPath}`,
    async load(storeId) {
      const found = older(fs, options, storeId);
      const file = found ? (readable(fs, options) ?? found) : read(fs, options);
      if (!file) return undefined;
      if (file.storeId === storeId) pendingFor = file.pendingFor;
      else if (!found) throw ofAnother(path);
      return file.storeId === storeId ? file.key : found?.key;
    },
    update: (storeId, change) => {
      const saved = () => keyIn(fs, options, storeId) ?? older(fs, options, storeId)?.key;
      return exchangeText({ read: saved, write: (key) => save(storeId, key) }, change);
    },
    async pending() {
      const file = readable(fs, options);
      return file?.pendingFor === madeFor && storeIdPattern.test(file.storeId) ? { storeId: file.storeId, text: file.key } : undefined;
    },
    async confirm(storeId) {
      if (pendingFor === undefined) return;
      pendingFor = undefined;
      const key = keyIn(fs, options, storeId);
      if (key !== undefined) save(storeId, key);
    },
  };
}

/** Errors: `key_file_open`, `key_storage_failed`. */
function read(fs: typeof NodeFs, { path, isNamed }: KeyFileOptions): KeyFile | undefined {
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
  const file = parseKeyFile(text);
  if (file) return file;
  throw new CuittyError(
    "key_storage_failed",
    `the key file ${path} is not one of this library; restore it, or move it away and pass \`key\``,
  );
}

/** The file of that store at the older path. */
function older(fs: typeof NodeFs, { olderPath, ...options }: KeyFileOptions, storeId: string): KeyFile | undefined {
  const file = olderPath === undefined ? undefined : readable(fs, { ...options, path: olderPath });
  return file?.storeId === storeId ? file : undefined;
}

/** What cannot be read is told where it is in the way, not where it might have helped. */
function readable(fs: typeof NodeFs, options: KeyFileOptions): KeyFile | undefined {
  try {
    return read(fs, options);
  } catch {
    return undefined;
  }
}

function ofAnother(path: string): CuittyError {
  return new CuittyError(
    "wrong_key",
    `the key file ${path} belongs to another store; restore the right one, or name another keyFile and pass \`key\``,
  );
}

/**
 * The key of that store, whoever may read the file: what is saved next closes it. A file that is no key file is never replaced, one of another store only
 * where nobody named it, or where that store was to be made here and never was; it is kept aside then. Errors: `invalid_option`.
 */
function keyIn(fs: typeof NodeFs, { path, isNamed, madeFor }: KeyFileOptions, storeId: string): string | undefined {
  if (isEndless(fs, path)) throw inTheWay(path, "is a link that leads to itself");
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (!stat || (stat.isFile() && stat.size === 0)) return undefined;
  // Whatever it is, it is not read as a whole when it cannot be a key.
  const isReadable = stat.isFile() && stat.size <= maxFileBytes && !isStoreFile(fs, path);
  const file = isReadable ? parseKeyFile(fs.readFileSync(path, "utf8")) : undefined;
  if (!file) throw inTheWay(path, "is no key file of this library");
  if (file.storeId === storeId) return file.key;
  if (isNamed && file.pendingFor !== madeFor) throw inTheWay(path, "holds the key of another store");
  return undefined;
}

function isEndless(fs: typeof NodeFs, path: string): boolean {
  try {
    fs.statSync(path);
    return false;
  } catch (error) {
    return (error as { code?: string }).code === "ELOOP";
  }
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
