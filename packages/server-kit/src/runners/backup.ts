// Copies of all files of a kit while it works, and the way back.
import { copyFile, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { acquireOwnerLease, restoreFile } from "@cuitty/storage/file";
import { open } from "@cuitty/storage/sqlite";
import { CuittyError } from "@cuitty/wire-protocol";
import type { Identity } from "../auth/open-identity.ts";
import type { BackupReport } from "../kit.ts";
import type { ModuleRegistry } from "../modules.ts";

export interface BackupPorts {
  readonly identity: Identity;
  readonly modules: ModuleRegistry;
  readonly dataDir: string;
}

const keyFile = "master.key";

/**
 * Each file is a consistent state of its own; files may lie a few batches apart, as they do in the folder itself.
 * The master key file goes along, as the copy cannot be used without it: keep the folder as safe as the original.
 * **Errors**: `invalid_option`, `backup_exists`, those of the files.
 */
export async function backupKit(folder: string, { identity, modules, dataDir }: BackupPorts): Promise<BackupReport> {
  checkFolder("backup", folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0)
    throw new CuittyError("backup_exists", `Expected ${folder} to be an empty folder; choose a new one for each backup`);
  const files = ["system.db"];
  // Modules first: a key that the system copy knows is of no use without events, the other way round nothing is lost.
  for (const { definition, file } of modules.all) {
    const name = `${definition.name}.db`;
    await file.backup(join(folder, name));
    files.push(name);
  }
  await identity.backup(join(folder, "system.db"));
  const hasKeyFile = await copyFile(join(dataDir, keyFile), join(folder, keyFile)).then(
    () => true,
    () => false,
  );
  if (hasKeyFile) files.push(keyFile);
  return { files };
}

/** Puts a backup into `dataDir`, which no kit may have open. Files that are there are kept aside. Errors: `not_a_backup`, `data_dir_in_use`, those of the files. */
export async function restoreKit(folder: string, dataDir: string): Promise<BackupReport> {
  checkFolder("folder", folder);
  checkFolder("dataDir", dataDir);
  const names = (await readdir(folder).catch(nothing)).filter((name) => name.endsWith(".db") && !name.startsWith("."));
  if (!names.includes("system.db")) throw new CuittyError("not_a_backup", `Expected ${folder} to hold a backup made by kit.backup()`);
  // Under a kit that is open the files would change places, and what it writes from then on would go into the ones that are kept aside.
  const lease = await acquireOwnerLease(dataDir);
  try {
    return await restoreNames(folder, dataDir, names);
  } finally {
    lease.release();
  }
}

function checkFolder(name: string, path: string): void {
  if (typeof path === "string" && path !== "") return;
  throw new CuittyError("invalid_option", `${name}: expected the path of a folder, got ${path === "" ? "an empty text" : typeof path}`);
}

/** A folder that is not there holds nothing. */
function nothing(error: NodeJS.ErrnoException): string[] {
  if (error.code === "ENOENT" || error.code === "ENOTDIR") return [];
  throw error;
}

async function restoreNames(folder: string, dataDir: string, names: readonly string[]): Promise<BackupReport> {
  for (const name of names) {
    if (name === "system.db") await restoreSystem(join(folder, name), join(dataDir, name));
    else restoreFile(join(folder, name), join(dataDir, name));
  }
  const files = [...names];
  const hasKeyFile = await copyFile(join(folder, keyFile), join(dataDir, keyFile)).then(
    () => true,
    () => false,
  );
  if (hasKeyFile) files.push(keyFile);
  return { files };
}

/**
 * As `restoreFile`, with the engine that will use the file: the other one keeps what it has checked open for a while, and two engines on one file
 * lose rows.
 */
async function restoreSystem(backup: string, target: string): Promise<void> {
  const partial = `${target}.partial`;
  try {
    await copyFile(backup, partial);
    const { driver, close } = open(partial);
    const [[finding] = []] = driver.prepare("PRAGMA integrity_check(1)").all();
    close();
    if (finding !== "ok") throw new CuittyError("corrupt", `The backup ${backup} is damaged: ${String(finding)}; use another one`);
    const kept = `${target}.replaced-${new Date().toISOString().replace(/[-:.]/g, "")}`;
    // The database moves before its log: a log that met another database would be written into it.
    for (const suffix of ["", "-wal"]) await rename(target + suffix, kept + suffix).catch(ignoreMissing);
    await rm(`${target}-shm`, { force: true });
    await rename(partial, target);
  } finally {
    for (const suffix of ["", "-wal", "-shm"]) await rm(partial + suffix, { force: true });
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}
