// Copies of all files of a kit while it works, and the way back.
import { chmod, copyFile, open as openHandle, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { acquireOwnerLease, fileSystemError, makeFolder, prepareRestore } from "@cuitty/storage/file";
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
/** There while a backup is being made: what was cut off is no backup. */
const unfinished = "backup.unfinished";

/**
 * Each file is a consistent state of its own; files may lie a few batches apart, as they do in the folder itself.
 * The master key file goes along, as the copy cannot be used without it: keep the folder as safe as the original.
 * **Errors**: `invalid_option`, `backup_exists`, `full`, `readonly`, `io`, those of the files.
 */
export async function backupKit(folder: string, { identity, modules, dataDir }: BackupPorts): Promise<BackupReport> {
  checkFolder("backup", folder);
  makeFolder(folder);
  if ((await written(readdir(folder), folder)).length > 0)
    throw new CuittyError("backup_exists", `Expected ${folder} to be an empty folder; choose a new one for each backup`);
  await written(writeFile(join(folder, unfinished), "This backup was not finished.\n"), folder);
  const files = ["system.db"];
  // Modules first: a key that the system copy knows is of no use without events, the other way round nothing is lost.
  for (const { definition, file } of modules.all) {
    const name = `${definition.name}.db`;
    await file.backup(join(folder, name));
    files.push(name);
  }
  await identity.backup(join(folder, "system.db"));
  if (await written(backupKeyFile(dataDir, folder), join(folder, keyFile))) files.push(keyFile);
  await rm(join(folder, unfinished));
  return { files };
}

async function written<T>(done: Promise<T>, path: string): Promise<T> {
  try {
    return await done;
  } catch (error) {
    throw fileSystemError(error, path);
  }
}

/** Whether there is one. A copy that fails must not pass for a kit whose key is kept elsewhere; one that the system still holds back could be lost. */
async function backupKeyFile(dataDir: string, folder: string): Promise<boolean> {
  const key = await readFile(join(dataDir, keyFile)).catch(missing);
  if (key === undefined) return false;
  const copy = await openHandle(join(folder, keyFile), "wx", 0o600);
  try {
    await copy.writeFile(key);
    await copy.sync();
  } finally {
    await copy.close();
  }
  return true;
}

/**
 * Puts a backup into `dataDir`, which no kit may have open. Files that are there are kept aside, as `<name>.replaced-<time>`; the key file too.
 * All files are checked before the first is touched. Errors: `not_a_backup`, `data_dir_in_use`, those of the files.
 */
export async function restoreKit(folder: string, dataDir: string): Promise<BackupReport> {
  checkFolder("folder", folder);
  checkFolder("dataDir", dataDir);
  const found = await readdir(folder).catch(nothing);
  if (found.includes(unfinished))
    throw new CuittyError("not_a_backup", `The backup in ${folder} was cut off before its end; use another one`);
  const names = found.filter((name) => name.endsWith(".db") && !name.startsWith("."));
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
  const time = new Date();
  const prepared: Prepared[] = [];
  try {
    for (const name of names) {
      const [backup, target] = [join(folder, name), join(dataDir, name)];
      prepared.push(name === "system.db" ? await prepareSystem(backup, target, time) : prepareRestore(backup, target, time.getTime()));
    }
    const key = await prepareKeyFile(folder, dataDir, time);
    if (key !== undefined) prepared.push(key);
    for (const file of prepared) await file.swap();
    return { files: key === undefined ? [...names] : [...names, keyFile] };
  } finally {
    for (const file of prepared) await file.discard();
  }
}

/** Undefined where the backup has none. What was kept aside can be read with the key of its time only, which is kept with it. */
async function prepareKeyFile(folder: string, dataDir: string, time: Date): Promise<Prepared | undefined> {
  const [backup, target] = [join(folder, keyFile), join(dataDir, keyFile)];
  const [key, before] = await Promise.all([backup, target].map((path) => readFile(path).catch(missing)));
  if (key === undefined) return undefined;
  const partial = `${target}.partial`;
  const discard = () => rm(partial, { force: true });
  await orDiscard(discard, () => copyPrivately(backup, partial));
  return {
    discard,
    async swap() {
      if (before !== undefined && !before.equals(key)) await rename(target, keptName(target, time));
      await rename(partial, target);
    },
  };
}

/** For its owner alone, whatever the modes of the backup have become: out of an archive the kit would refuse its own key file. */
async function copyPrivately(from: string, to: string): Promise<void> {
  await written(copyFile(from, to), to);
  await chmod(to, 0o600);
}

async function orDiscard(discard: () => Promise<void>, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    await discard();
    throw error;
  }
}

const keptName = (path: string, time: Date): string => `${path}.replaced-${time.toISOString().replace(/[-:.]/g, "")}`;

interface Prepared {
  swap(): unknown;
  discard(): unknown;
}

/**
 * As `prepareRestore`, with the engine that will use the file: the other one keeps what it has checked open for a while, and two engines on one file
 * lose rows.
 */
async function prepareSystem(backup: string, target: string, time: Date): Promise<Prepared> {
  const partial = `${target}.partial`;
  const discard = async () => {
    for (const suffix of ["", "-wal", "-shm"]) await rm(partial + suffix, { force: true });
  };
  await orDiscard(discard, async () => {
    await copyPrivately(backup, partial);
    checkSystem(partial, backup);
  });
  return {
    discard,
    async swap() {
      const kept = keptName(target, time);
      // The database moves before its log: a log that met another database would be written into it.
      for (const suffix of ["", "-wal"]) await rename(target + suffix, kept + suffix).catch(missing);
      await rm(`${target}-shm`, { force: true });
      await rename(partial, target);
    },
  };
}

/** Errors: `corrupt`, also for a file that is none of a kit's identities. */
function checkSystem(copy: string, backup: string): void {
  const { driver, close } = open(copy);
  try {
    const [[finding] = []] = driver.prepare("PRAGMA integrity_check(1)").all();
    if (finding !== "ok") throw damaged(backup, String(finding));
    const [[tables] = []] = driver.prepare("SELECT count(*) FROM sqlite_master WHERE name IN ('organizations', 'projects')").all();
    if (tables !== 2) throw damaged(backup, "it holds no organizations and projects");
  } finally {
    close();
  }
}

const damaged = (backup: string, finding: string): CuittyError =>
  new CuittyError("corrupt", `The backup ${backup} is damaged: ${finding}; use another one`);

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
