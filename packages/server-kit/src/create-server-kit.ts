// Puts a kit together: files, stages, routes and runners, opened in order and closed in reverse.
import { createApi } from "./api.ts";
import { scopes } from "./auth/authorize.ts";
import { createProcessBus } from "./bus.ts";
import { checkOptions } from "./check-options.ts";
import { systemClock, systemRandom } from "./clock.ts";
import { createCounters } from "./counters.ts";
import { createDispatcher } from "./dispatch.ts";
import { createFaults, faultHandler } from "./faults.ts";
import { createHandler } from "./handler.ts";
import { fetchExchange } from "./ingest/fetch-exchange.ts";
import type { ServerKit } from "./kit.ts";
import { createKitPipeline, type KitPorts } from "./kit-pipeline.ts";
import { kitRoutes } from "./kit-routes.ts";
import { createKitStreams } from "./kit-streams.ts";
import type { CuittyModule } from "./module.ts";
import { closeFolder, noRoom, type OpenFolder, openFolder } from "./open-folder.ts";
import { buildOpenApi } from "./openapi/document.ts";
import type { KitOptions } from "./options.ts";
import { createRouter } from "./router.ts";
import { backupKit } from "./runners/backup.ts";
import { createKitTasks } from "./runners/kit-tasks.ts";

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
  const onFault = faultHandler(options.onFault);
  const faults = createFaults(onFault, () => noRoom(options.dataDir));
  const opened = await openFolder(options, bus, faults);
  try {
    return compose(options, opened, { bus, faults, onFault });
  } catch (error) {
    await closeFolder(opened);
    throw error;
  }
}

function compose<const Modules extends readonly CuittyModule[]>(
  options: KitOptions<Modules>,
  folder: OpenFolder,
  { bus, faults, onFault }: Pick<KitPorts, "bus" | "faults" | "onFault">,
): ServerKit<Modules> {
  const { identity, modules, disk } = folder;
  const { clock = systemClock, random = systemRandom, authorizer = scopes() } = options;
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
