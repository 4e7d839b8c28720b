// Puts a kit together: files, stages, routes and runners, opened in order and closed in reverse.
import { access, constants, mkdir, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, resolve } from "node:path";
import { acquireOwnerLease, type OwnerLease } from "@cuitty/storage/file";
import { createStorageThreads, type StorageThread } from "@cuitty/storage/module-file";
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol";
import { createApi } from "./api.ts";
import { scopes } from "./auth/authorize.ts";
import { type Identity, openIdentity } from "./auth/open-identity.ts";
import { type Bus, createProcessBus, KEYS_TOPIC } from "./bus.ts";
import { checkOptions } from "./check-options.ts";
import { systemClock, systemRandom } from "./clock.ts";
import { createCounters } from "./counters.ts";
import { createDispatcher } from "./dispatch.ts";
import { createFaults, type Faults } from "./faults.ts";
import { createHandler } from "./handler.ts";
import { createDiskGuard, type DiskGuard } from "./health.ts";
import { fetchExchange } from "./ingest/fetch-exchange.ts";
import type { ServerKit } from "./kit.ts";
import { createKitPipeline } from "./kit-pipeline.ts";
import { kitRoutes } from "./kit-routes.ts";
import { createKitStreams } from "./kit-streams.ts";
import type { CuittyModule } from "./module.ts";
import { type ModuleRegistry, openRegistry } from "./modules.ts";
import { buildOpenApi } from "./openapi/document.ts";
import { type KitOptions, reportFault } from "./options.ts";
import { createRouter } from "./router.ts";
import { backupKit } from "./runners/backup.ts";
import { createKitTasks } from "./runners/kit-tasks.ts";
import { storageThreadFile } from "./storage-thread-file.ts";

/**
 * Opens a data folder and makes the kit on it.
 * **Errors**: `unknown_option`, `invalid_option`, `invalid_module`, `data_dir_not_writable`, `data_dir_in_use`, those of the files.
 * @example
 * const kit = await createServerKit({ dataDir: "./data", modules: [audit(), logs()] });
 * const { apiKey } = await kit.bootstrap({ email: "you@example.com", organization: "Acme" });
 */
export async function createServerKit<const Modules extends readonly CuittyModule[]>(
  options: KitOptions<Modules>,
): Promise<ServerKit<Modules>> {
  checkOptions(options);
  const bus = options.bus ?? createProcessBus();
  const faults = createFaults(options.onFault ?? reportFault, () => noRoom(options.dataDir));
  const opened = await openFolder(options, bus, faults);
  try {
    return compose(options, opened, { bus, faults });
  } catch (error) {
    await closeFolder(opened);
    throw error;
  }
}

interface OpenFolder {
  readonly lease: OwnerLease;
  readonly thread: StorageThread | undefined;
  readonly identity: Identity;
  readonly modules: ModuleRegistry;
  readonly disk: DiskGuard;
}

async function openFolder(options: KitOptions, bus: Bus, faults: Faults): Promise<OpenFolder> {
  const { dataDir, clock = systemClock, random = systemRandom } = options;
  await makeFolder(dataDir);
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

function noRoom(dataDir: string): CuittyError {
  const text = `there is less room than minFreeBytes in ${dataDir}, or more in it than maxDataBytes; batches are answered with 503 until some is freed`;
  return new CuittyError("disk_full", text, { retryable: true, details: { path: dataDir } });
}

async function makeFolder(dataDir: string): Promise<void> {
  try {
    await makeFolders(resolve(dataDir));
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    const code = (cause as { code?: string }).code ?? "error";
    throw new CuittyError(
      "data_dir_not_writable",
      `Expected to be able to write in the folder ${dataDir} (${code}); check its path and permissions, or choose another dataDir`,
      { cause },
    );
  }
}

/** Not `recursive`: Node then tries for ever where a file system refuses with ENOENT, as /proc does. */
async function makeFolders(folder: string): Promise<void> {
  const make = () => mkdir(folder, { mode: 0o700 });
  const isMissingParent = await make().then(
    () => false,
    async (error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST" && (await stat(folder)).isDirectory()) return false;
      if (error.code === "ENOENT" && dirname(folder) !== folder) return true;
      throw error;
    },
  );
  if (!isMissingParent) return;
  await makeFolders(dirname(folder));
  await make();
}

async function closeFolder({ lease, thread, identity, modules, disk }: OpenFolder): Promise<void> {
  disk.close();
  try {
    await modules.close();
  } finally {
    await thread?.close();
    identity.close();
    lease.release();
  }
}

function compose<const Modules extends readonly CuittyModule[]>(
  options: KitOptions<Modules>,
  folder: OpenFolder,
  { bus, faults }: { readonly bus: Bus; readonly faults: Faults },
): ServerKit<Modules> {
  const { identity, modules, disk } = folder;
  const { clock = systemClock, random = systemRandom, authorizer = scopes(), onFault = reportFault } = options;
  const counters = createCounters();
  let closing: Promise<void> | undefined;
  const isClosing = () => closing !== undefined;
  const ports = { options, identity, modules, bus, clock, random, authorizer, counters, disk, isClosing, onFault, faults };

  const router = createRouter(kitRoutes(ports));
  const dispatch = createDispatcher({ authorizer, clock });
  const pipeline = createKitPipeline(ports);
  const streams = createKitStreams(ports);
  const tasks = createKitTasks(ports);
  const basePath = options.basePath ?? "";
  const streamPaths = streams.paths.filter(({ answers }) => answers.GET !== undefined).map(({ path }) => path);
  const openapi = once(() => buildOpenApi({ routes: router.routes, modules, streamPaths, basePath }));
  const handler = createHandler({ ...ports, router, dispatch, pipeline, streams, openapi });

  async function shutDown(): Promise<void> {
    streams.close();
    await Promise.all([tasks.close(), handler.drain()]);
    await bus.close?.();
    await closeFolder(folder);
  }

  return {
    fetch: (request, environment) => handler.handle(fetchExchange(request, { basePath, ...pickEnvironment(environment) })),
    basePath,
    handle: handler.handle,
    owns: (path) => handler.owns(basePath !== "" && path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : path),
    api: createApi<Modules>(router.routes, dispatch),
    stages: pipeline,
    routes: router.routes,
    modules,
    identity,
    bus,
    get isBootstrapped() {
      return identity.isBootstrapped;
    },
    bootstrap: async (given) => identity.bootstrap(given),
    createStreamTicket: async (given) => streams.createTicket(given),
    eventIds: (topic, projectId) => streams.eventIds(topic, projectId),
    stats: () => ({ ...counters.read(), files: modules.stats(), streams: streams.count(), storageThread: folder.thread !== undefined }),
    openapi,
    backup: (target) => backupKit(target, { identity, modules, dataDir: options.dataDir }),
    runTask: tasks.runNow,
    close() {
      closing ??= shutDown();
      return closing;
    },
  };
}

/** Hosts pass what they like as second argument: Bun its server, Workers their bindings. Only what is ours is taken. */
function pickEnvironment(environment: unknown): Record<string, never> {
  if (typeof environment !== "object" || environment === null) return {};
  const { incoming, outgoing, ip, basePath } = environment as Record<string, unknown>;
  const isNode = typeof incoming === "object" && incoming !== null && "rawHeaders" in incoming;
  return {
    ...(isNode ? { incoming, outgoing } : undefined),
    ...(typeof ip === "string" ? { ip } : undefined),
    ...(typeof basePath === "string" ? { basePath } : undefined),
  } as Record<string, never>;
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
