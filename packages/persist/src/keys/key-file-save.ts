// Writes a key file so that a crash leaves the old one or the new one, and no key that somebody may still need is lost.
import type * as NodeFs from "node:fs";
import type * as NodePath from "node:path";
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { followLinks } from "../core/follow-links.ts";
import { makeFolders } from "../core/make-folders.ts";
import { builtinModule } from "../crypto/builtin-module.ts";

export interface KeyFile {
  readonly cuitty: "persist-key";
  readonly storeId: string;
  readonly key: string;
  /** Where the store was to be made; there until its manifest is known to be written, which is when the key may be in use. */
  readonly pendingFor?: string;
}

export function parseKeyFile(text: string): KeyFile | undefined {
  try {
    const file = JSON.parse(text) as KeyFile;
    return file.cuitty === "persist-key" && typeof file.key === "string" ? file : undefined;
  } catch {
    return undefined;
  }
}

/** Written beside, synced, renamed over. Errors: `full`, `readonly`. */
export function saveKeyFile(fs: typeof NodeFs, path: string, file: KeyFile): void {
  try {
    // A link is the caller's: what it leads to is replaced.
    const target = followLinks(path, makeFolders);
    write(fs, target ?? path, file);
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
  const other = parseKeyFile(fs.readFileSync(path, "utf8"));
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
