// What a kit offers: one object that a host mounts, calls and closes.

import type { ModuleFileStats } from "@cuitty/storage/module-file";
import type { KitApi } from "./api.ts";
import type { BootstrapOptions, Bootstrapped } from "./auth/bootstrap.ts";
import type { Identity } from "./auth/open-identity.ts";
import type { Bus } from "./bus.ts";
import type { KitCounters } from "./counters.ts";
import type { Exchange } from "./ingest/exchange.ts";
import type { FetchEnvironment } from "./ingest/fetch-exchange.ts";
import type { StageList } from "./ingest/pipeline.ts";
import type { CuittyModule } from "./module.ts";
import type { ModuleRegistry } from "./modules.ts";
import type { MountedRoute } from "./router.ts";

/** Counters since the kit was opened, and what its files and streams do now. */
export interface KitStats extends KitCounters {
  readonly files: Readonly<Record<string, ModuleFileStats>>;
  readonly streams: number;
  /** Whether module files live on a thread of their own; see the option of that name. */
  readonly storageThread: boolean;
}

/** Where a module's backup or the system's lies. */
export interface BackupReport {
  readonly files: readonly string[];
}

/** An open kit: what answers requests, and everything behind it. */
export interface ServerKit<Modules extends readonly CuittyModule[] = readonly CuittyModule[]> {
  /** Answers a Web Request. **Errors**: none; whatever goes wrong is an answer. */
  fetch(request: Request, environment?: FetchEnvironment): Promise<Response>;
  /** As given in the options; adapters take it off the path. */
  readonly basePath: string;
  /** Answers a request of any host; what adapters call. Its path begins with `/api`. */
  handle(exchange: Exchange): Promise<Response>;
  /** Whether a path is the kit's to answer; adapters pass on what is not. */
  owns(path: string): boolean;
  /** Typed direct calls: validation and authorisation as over HTTP, without HTTP. */
  readonly api: KitApi<Modules>;
  /** The stages of `POST /api/ingest`. */
  readonly stages: StageList;
  /** All routes with their schemas: for OpenAPI, for tests of your own. */
  readonly routes: readonly MountedRoute[];
  readonly modules: ModuleRegistry;
  readonly identity: Identity;
  readonly bus: Bus;
  /** Whether the data folder has its administrator; `bootstrap` is to be called once, before that. */
  readonly isBootstrapped: boolean;
  /** Makes the first administrator, once per data folder. Errors: `already_bootstrapped`, `invalid_option`, `unknown_option`. */
  bootstrap(options: BootstrapOptions): Promise<Bootstrapped>;
  /**
   * A ticket for a page that your own code has authenticated: `EventSource("/api/stream?ticket=…")`. Valid for 30 s and one use. It names no user:
   * only the end of its project ends it. A page whose user may log out asks `POST /api/stream-tickets` with his session instead.
   */
  createStreamTicket(options: { readonly projectId: string; readonly topics?: readonly string[] }): Promise<string>;
  /** Ids of the events of a topic in the order they were stored. For checks: it reads all of them. */
  eventIds(topic: string, projectId: string): Promise<readonly string[]>;
  stats(): KitStats;
  /** OpenAPI 3.1 document of the routes. */
  openapi(): Readonly<Record<string, unknown>>;
  /** Consistent copies of all files into `folder`, while the kit works. Errors: `backup_exists` unless it is empty or missing, `invalid_option`, those of the files. */
  backup(folder: string): Promise<BackupReport>;
  /**
   * Runs a background task now, due or not, and waits for it: `retention`, `outbox`, `job:<module>.<name>`. A run that is under way is joined.
   * Its faults are told to `onFault`. Errors: `not_found`, `busy` when another process has the job under way, `shutting_down` after `close`.
   */
  runTask(name: string): Promise<void>;
  /**
   * Stops taking requests, aborts the signals of jobs and deliveries, waits for what is under way and closes every file. Idempotent.
   * It waits for 10 s at most: a job that goes on after that finds its file `closed`, a message under way is delivered again after the next start.
   */
  close(): Promise<void>;
}
