// Options of a kit.
import type { Authenticate } from "./auth/authenticate.ts";
import type { Authorizer } from "./auth/authorize.ts";
import type { ProjectLimits } from "./auth/directory.ts";
import type { Bus } from "./bus.ts";
import type { Clock, RandomBytes } from "./clock.ts";
import type { RateStore } from "./limits/rate-store.ts";
import type { CuittyModule } from "./module.ts";
import type { StreamLimits } from "./sse/options.ts";
import type { Tracer } from "./tracer.ts";

/** Something that went wrong inside while the kit goes on: a fault of a handler, a job that failed. */
export interface KitFault {
  /** Where: `request`, `job`, `retention`, `outbox`, `stream`, `disk`; the work of one module with its name behind it, as `retention logs`. */
  readonly source: string;
  readonly error: unknown;
  readonly requestId?: string;
}

/** Where a kit's data lives, what it stores and what it stands on. */
export interface KitOptions<Modules extends readonly CuittyModule[] = readonly CuittyModule[]> {
  /** Folder of all files: `system.db`, one file a module, the lease and the key file. Made when it is not there. One process owns it. */
  readonly dataDir: string;
  /** What this kit stores and serves, such as `[audit(), logs()]`. */
  readonly modules: Modules;
  /** Encrypts webhook secrets at rest: 32 bytes, or their hex or base64. @default CUITTY_MASTER_KEY, else `<dataDir>/master.key`, made on first use */
  readonly masterKey?: string | Uint8Array | undefined;
  /** Prefix that the app mounts the kit under, taken off every path. @default "" */
  readonly basePath?: string | undefined;
  /** Asked who sends a request that has no API key: the app's own session. @default nobody */
  readonly authenticate?: Authenticate | undefined;
  /** @default scopes() */
  readonly authorizer?: Authorizer | undefined;
  /** Ingest limits of every project; a project's own win. @default INGEST_RATE_LIMIT_EVENTS_PER_SECOND, _BATCHES_PER_SECOND and _BATCH_BYTES, else 1,000, 100 and 5 MiB */
  readonly limits?: ProjectLimits | undefined;
  /** Batches in work at the same time; more are answered with 503. @default 1_000 */
  readonly maxInFlight?: number | undefined;
  /** Days that rows are kept, by module name, instead of the module's own; 0 keeps for ever. */
  readonly retentionDays?: Readonly<Record<string, number>> | undefined;
  /** Free space below which batches are answered with 503, so that the disk is never full. Units: bytes. @default 268_435_456 */
  readonly minFreeBytes?: number | undefined;
  /** Size of all files together above which batches are answered with 503. Units: bytes. @default Infinity */
  readonly maxDataBytes?: number | undefined;
  /** Remote libSQL databases by module name, instead of files in `dataDir`. */
  readonly locations?: Readonly<Record<string, { readonly url: string; readonly authToken?: string | undefined }>> | undefined;
  /**
   * Whether module files live on a thread of their own, so that SQLite and its disk never hold up the app's event loop.
   * Where no thread can be had (the package is not installed beside an app bundled into one file, say) they live in the app's own.
   * A path, for such an app: that of a file which imports `@cuitty/server-kit/storage-thread`, bundled too. @default true
   */
  readonly storageThread?: boolean | string | undefined;
  /** How many such threads share the files, so that a batch for several files is written into them at the same time. @default 2, 1 on one processor */
  readonly storageThreads?: number | undefined;
  /** Limits of live streams. */
  readonly streams?: StreamLimits | undefined;
  /** @default in-process */
  readonly bus?: Bus | undefined;
  /** @default in memory of this process */
  readonly rateStore?: RateStore | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomBytes | undefined;
  /** For deliveries of the outbox. @default globalThis.fetch */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** @default none */
  readonly tracer?: Tracer | undefined;
  /** Told of faults; never with a key, secret or payload. @default a line on standard error */
  readonly onFault?: ((fault: KitFault) => void) | undefined;
  /** Whether jobs, retention and the outbox run in this kit. @default true */
  readonly runJobs?: boolean | undefined;
  /** @default process.env */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
}
