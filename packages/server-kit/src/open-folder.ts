// The data folder of a kit: made, taken for one owner, its identity, modules and storage threads opened.
import { access, constants } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { acquireOwnerLease, makeFolder, type OwnerLease } from "@cuitty/storage/file";
import { createStorageThreads, type StorageThread } from "@cuitty/storage/module-file";
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol";
import { type Identity, openIdentity } from "./auth/open-identity.ts";
import { type Bus, KEYS_TOPIC } from "./bus.ts";
import { systemClock, systemRandom } from "./clock.ts";
import type { Faults } from "./faults.ts";
import { createDiskGuard, type DiskGuard } from "./health.ts";
import { type ModuleRegistry, openRegistry } from "./modules.ts";
import type { KitOptions } from "./options.ts";
import { storageThreadFile } from "./storage-thread-file.ts";

/** What a kit holds of its data folder. */
export interface OpenFolder {
  readonly lease: OwnerLease;
  readonly thread: StorageThread | undefined;
  readonly identity: Identity;
  readonly modules: ModuleRegistry;
  readonly disk: DiskGuard;
}

/** Opened in order; what failed half way is closed again. Errors: `data_dir_not_writable`, `data_dir_in_use`, `thread_unavailable`, those of the files. */
export async function openFolder(options: KitOptions, bus: Bus, faults: Faults): Promise<OpenFolder> {
  const { dataDir, clock = systemClock, random = systemRandom } = options;
  await makeDataDir(dataDir);
  const lease = await acquireOwnerLease(dataDir);
  let identity: Identity | undefined;
  let thread: StorageThread | undefined;
  try {
    thread = await startStorageThreads(options);
    identity = await openIdentity({
      dataDir,
      clock,
      random,
      masterKey: options.masterKey,
      environment: options.environment,
      onChange: () => bus.publish(KEYS_TOPIC, { seq: 0 }),
    });
    const wanted = { dataDir, modules: options.modules, bus, locations: options.locations, ...(thread && { thread }) };
    const modules = await openRegistry(wanted, lease);
    const disk = createDiskGuard({
      dataDir,
      minFreeBytes: options.minFreeBytes ?? 256 * 1024 * 1024,
      maxDataBytes: options.maxDataBytes ?? Number.POSITIVE_INFINITY,
      dataBytes: () => modules.dataBytes(),
      onRoom: faults.tellRoom,
    });
    await disk.measure();
    return { lease, thread, identity, modules, disk };
  } catch (error) {
    await thread?.close();
    identity?.close();
    lease.release();
    throw error;
  }
}

/** Undefined where it is not wanted, and where there can be none. Errors: `thread_unavailable` for a file that was named. */
async function startStorageThreads(options: KitOptions): Promise<StorageThread | undefined> {
  const { storageThread = true, storageThreads = defaultThreads(), modules, locations = {} } = options;
  const localFiles = modules.filter(({ name }) => !Object.hasOwn(locations, name)).length;
  if (storageThread === false || localFiles === 0) return undefined;
  const count = Math.min(storageThreads, localFiles);
  if (typeof storageThread === "string") return createStorageThreads({ file: resolve(storageThread) }, count);
  const file = storageThreadFile();
  if (file === null) return undefined;
  try {
    return await createStorageThreads(file, count);
  } catch (error) {
    if (!isCuittyError(error, "thread_unavailable")) throw error;
    return undefined;
  }
}

/** One beside another where there are processors for both. */
const defaultThreads = (): number => Math.min(2, availableParallelism());

export function noRoom(dataDir: string): CuittyError {
  const text = `there is less room than minFreeBytes in ${dataDir}, or more in it than maxDataBytes; batches are answered with 503 until some is freed`;
  return new CuittyError("disk_full", text, { retryable: true, details: { path: dataDir } });
}

async function makeDataDir(dataDir: string): Promise<void> {
  try {
    makeFolder(dataDir);
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const code = (isCuittyError(cause) ? cause.details?.code : (cause as NodeJS.ErrnoException).code) ?? "error";
    throw new CuittyError(
      "data_dir_not_writable",
      `Expected to be able to write in the folder ${dataDir} (${code}); check its path and permissions, or choose another dataDir`,
      { cause },
    );
  }
}

export async function closeFolder({ lease, thread, identity, modules, disk }: OpenFolder): Promise<void> {
  disk.close();
  try {
    await modules.close();
  } finally {
    await thread?.close();
    identity.close();
    lease.release();
  }
}
