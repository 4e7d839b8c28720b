// Options of a kit, checked and filled in, in one place.
import { CuittyError, LIMITS } from "@cuitty/wire-protocol";
import type { Authenticate } from "./auth/authenticate.ts";
import type { Authorizer } from "./auth/authorize.ts";
import type { ProjectLimits } from "./auth/directory.ts";
import type { Bus } from "./bus.ts";
import type { Clock, RandomBytes } from "./clock.ts";
import type { RateStore } from "./limits/rate-store.ts";
import type { CuittyModule } from "./module.ts";
import { checkModule } from "./module-check.ts";
import type { StreamLimits } from "./sse/options.ts";
import type { Tracer } from "./tracer.ts";

/** Something that went wrong inside while the kit goes on: a fault of a handler, a job that failed. */
export interface KitFault {
  /** Where: `request`, `job`, `retention`, `outbox`, `stream`; the work of one module with its name behind it, as `retention logs`. */
  readonly source: string;
  readonly error: unknown;
  readonly requestId?: string;
}

export interface KitOptions<Modules extends readonly CuittyModule[] = readonly CuittyModule[]> {
  /** Folder of all files: `system.db`, one file a module, the lease and the key file. Made when it is not there. One process owns it. */
  readonly dataDir: string;
  /** What this kit stores and serves, such as `[audit(), logs()]`. */
  readonly modules: Modules;
  /** Encrypts webhook secrets at rest: 32 bytes, or their hex or base64. @default CUITTY_MASTER_KEY, else `<dataDir>/master.key`, made on first use */
  readonly masterKey?: string | Uint8Array;
  /** Prefix that the app mounts the kit under, taken off every path. @default "" */
  readonly basePath?: string;
  /** Asked who sends a request that has no API key: the app's own session. @default nobody */
  readonly authenticate?: Authenticate;
  /** @default scopes() */
  readonly authorizer?: Authorizer;
  /** Ingest limits of every project; a project's own win. @default INGEST_RATE_LIMIT_EVENTS_PER_SECOND, _BATCHES_PER_SECOND and _BATCH_BYTES, else 1,000, 100 and 5 MiB */
  readonly limits?: ProjectLimits;
  /** Batches in work at the same time; more are answered with 503. @default 1_000 */
  readonly maxInFlight?: number;
  /** Days that rows are kept, by module name, instead of the module's own; 0 keeps for ever. */
  readonly retentionDays?: Readonly<Record<string, number>>;
  /** Free space below which batches are answered with 503, so that the disk is never full. Units: bytes. @default 268_435_456 */
  readonly minFreeBytes?: number;
  /** Size of all files together above which batches are answered with 503. Units: bytes. @default Infinity */
  readonly maxDataBytes?: number;
  /** Remote libSQL databases by module name, instead of files in `dataDir`. */
  readonly locations?: Readonly<Record<string, { readonly url: string; readonly authToken?: string }>>;
  /**
   * Whether module files live on a thread of their own, so that SQLite and its disk never hold up the app's event loop.
   * Where no thread can be had (the package is not installed beside an app bundled into one file, say) they live in the app's own.
   * A path, for such an app: that of a file which imports `@cuitty/server-kit/storage-thread`, bundled too. @default true
   */
  readonly storageThread?: boolean | string;
  /** How many such threads share the files, so that a batch for several files is written into them at the same time. @default 2, 1 on one processor */
  readonly storageThreads?: number;
  /** Limits of live streams. */
  readonly streams?: StreamLimits;
  /** @default in-process */
  readonly bus?: Bus;
  /** @default in memory of this process */
  readonly rateStore?: RateStore;
  readonly clock?: Clock;
  readonly random?: RandomBytes;
  /** For deliveries of the outbox. @default globalThis.fetch */
  readonly fetch?: typeof globalThis.fetch;
  /** @default none */
  readonly tracer?: Tracer;
  /** Told of faults; never with a key, secret or payload. @default a line on standard error */
  readonly onFault?: (fault: KitFault) => void;
  /** Whether jobs, retention and the outbox run in this kit. @default true */
  readonly runJobs?: boolean;
  /** @default process.env */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

const names: ReadonlySet<string> = new Set<keyof KitOptions>([
  "dataDir",
  "modules",
  "masterKey",
  "basePath",
  "authenticate",
  "authorizer",
  "limits",
  "maxInFlight",
  "retentionDays",
  "minFreeBytes",
  "maxDataBytes",
  "locations",
  "storageThread",
  "storageThreads",
  "streams",
  "bus",
  "rateStore",
  "clock",
  "random",
  "fetch",
  "tracer",
  "onFault",
  "runJobs",
  "environment",
]);

/** Options within options that are numbers, with the least that each may be. */
const leastLimits: Readonly<Record<keyof ProjectLimits, number>> = { eventsPerSecond: 1, batchesPerSecond: 1, batchBytes: 1 };
const leastStreams: Readonly<Record<keyof StreamLimits, number>> = {
  maxStreams: 1,
  maxStreamsPerProject: 1,
  maxDurationMs: 1,
  stallTimeoutMs: 1,
  heartbeatMs: 1,
  pollMs: 1,
  recheckMs: 1,
  sessionRecheckMs: 1,
  retryMs: 1,
};

/** Errors: `unknown_option`, `invalid_option`, `invalid_module`; each in one line that says what to write instead. */
export function checkOptions(options: KitOptions): void {
  if (typeof options !== "object" || options === null) throw invalid("Expected createServerKit({ dataDir, modules })");
  checkNames(options, [...names]);
  if (typeof options.dataDir !== "string" || options.dataDir === "")
    throw invalid('Expected dataDir to be the path of a folder, such as "./data"');
  if (!Array.isArray(options.modules)) throw invalid("Expected modules to be a list, such as [audit(), logs()]");
  for (const module of options.modules) checkModule(module);
  const { basePath = "" } = options;
  if (basePath !== "" && !/^(\/[A-Za-z0-9._~-]+)+$/.test(basePath))
    throw invalid('Expected basePath to begin with "/" and not to end with it, such as "/telemetry"');
  if (!["undefined", "boolean", "string"].includes(typeof options.storageThread) || options.storageThread === "")
    throw invalid('Expected storageThread to be true, false or the path of the thread\'s file, such as "./dist/storage-thread.js"');
  if (options.storageThreads !== undefined && !(Number.isInteger(options.storageThreads) && options.storageThreads >= 1))
    throw invalid(`Expected storageThreads to be a whole number of at least 1, got ${String(options.storageThreads).slice(0, 40)}`);
  checkNumber("maxInFlight", options.maxInFlight, 1);
  checkNumber("minFreeBytes", options.minFreeBytes, 0);
  checkNumber("maxDataBytes", options.maxDataBytes, 0);
  checkNumbers("limits", options.limits, leastLimits);
  checkNumbers("streams", options.streams, leastStreams);
  checkModuleNames(options);
  for (const [name, location] of Object.entries(options.locations ?? {})) checkLocation(name, location);
  checkPorts(options);
  for (const [name, days] of Object.entries(options.retentionDays ?? {})) checkNumber(`retentionDays.${name}`, days, 0);
}

function checkNames(given: object, known: readonly string[], prefix = ""): void {
  for (const name of Object.keys(given)) {
    if (!known.includes(name))
      throw new CuittyError("unknown_option", `Unknown option ${JSON.stringify(prefix + name)}; expected one of ${known.join(", ")}`);
  }
}

/** One in a quarter of an hour: the arithmetic of much less than that has no end. */
const leastRate = 0.001;

/** Also less than one in a second. Errors: `unknown_option`, `invalid_option`. */
export function checkRates(option: string, given: ProjectLimits): void {
  checkNames(given, Object.keys(leastLimits), `${option}.`);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || (typeof value === "number" && value >= leastRate)) continue;
    throw invalid(
      `Expected ${option}.${name} to be a number of at least ${leastRate} (Infinity for no limit), got ${String(value).slice(0, 40)}`,
    );
  }
}

function checkNumbers(option: string, given: unknown, leastByName: Readonly<Record<string, number>>): void {
  if (given === undefined) return;
  if (typeof given !== "object" || given === null || Array.isArray(given)) throw invalid(`Expected ${option} to be an object of numbers`);
  checkNames(given, Object.keys(leastByName), `${option}.`);
  for (const [name, value] of Object.entries(given)) checkNumber(`${option}.${name}`, value, leastByName[name] as number);
}

/** Options that say something about single modules. */
function checkModuleNames(options: KitOptions): void {
  const known = new Set(options.modules.map(({ name }) => name));
  for (const option of ["retentionDays", "locations"] as const) {
    for (const name of Object.keys(options[option] ?? {})) {
      if (!known.has(name))
        throw invalid(`Expected ${option} to name modules of this kit (${[...known].join(", ")}), got ${JSON.stringify(name)}`);
    }
  }
}

/** A path would be a file that several kits open without knowing of each other. */
function checkLocation(name: string, location: unknown): void {
  const url = (location as { readonly url?: unknown } | null)?.url;
  if (typeof url === "string" && /^(?:libsql|https?):\/\//i.test(url)) return;
  throw invalid(`Expected locations.${name}.url to be a libsql:, https: or http: URL; files of this machine belong in dataDir`);
}

/** What a port has to have. */
const ports = {
  authorizer: ["authorize", "list"],
  rateStore: ["take"],
  bus: ["publish", "subscribe"],
  tracer: ["start"],
} as const satisfies Partial<Record<keyof KitOptions, readonly string[]>>;
const functions = ["authenticate", "clock", "random", "fetch", "onFault"] as const satisfies readonly (keyof KitOptions)[];

function checkPorts(options: KitOptions): void {
  for (const [name, methods] of Object.entries(ports)) {
    const port: unknown = options[name as keyof typeof ports];
    const isPort = methods.every((method) => typeof (port as Record<string, unknown> | null | undefined)?.[method] === "function");
    if (port !== undefined && !isPort) throw invalid(`Expected ${name} to be an object with the methods ${methods.join(" and ")}`);
  }
  for (const name of functions) {
    const given: unknown = options[name];
    if (given !== undefined && typeof given !== "function") throw invalid(`Expected ${name} to be a function, got ${typeof given}`);
  }
  const { environment } = options;
  if (environment !== undefined && (typeof environment !== "object" || environment === null))
    throw invalid("Expected environment to be an object of texts, such as process.env");
}

/** Limits with the environment's and the built-in ones filled in. Errors: `invalid_option`. */
export function resolveLimits(options: Pick<KitOptions, "limits" | "environment">): Required<ProjectLimits> {
  const { limits = {}, environment = process.env } = options;
  const pick = (name: keyof ProjectLimits, variable: string, fallback: number): number => {
    const value = limits[name] ?? numberOf(variable, environment[variable]) ?? fallback;
    checkNumber(`limits.${name}`, value, 1);
    return value;
  };
  return {
    eventsPerSecond: pick("eventsPerSecond", "INGEST_RATE_LIMIT_EVENTS_PER_SECOND", LIMITS.eventsPerSecond),
    batchesPerSecond: pick("batchesPerSecond", "INGEST_RATE_LIMIT_BATCHES_PER_SECOND", LIMITS.batchesPerSecond),
    batchBytes: Math.min(LIMITS.batchBytes, pick("batchBytes", "INGEST_RATE_LIMIT_BATCH_BYTES", LIMITS.batchBytes)),
  };
}

function numberOf(variable: string, text: string | undefined): number | undefined {
  if (text === undefined || text.trim() === "") return undefined;
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw invalid(`Expected ${variable} to be a number above 0`);
}

function checkNumber(name: string, value: number | undefined, least: number): void {
  if (value === undefined || (typeof value === "number" && value >= least)) return;
  throw invalid(`Expected ${name} to be a number of at least ${least}, got ${String(value).slice(0, 40)}`);
}

function invalid(message: string): CuittyError {
  return new CuittyError("invalid_option", message);
}

/** One line, with the code where there is one; a stack would show paths and values. */
export function reportFault({ source, error, requestId }: KitFault): void {
  const { code = "error", message = String(error) } = error as { code?: string; message?: string };
  process.stderr.write(`cuitty: ${source} failed (${code}): ${message}${requestId === undefined ? "" : ` [request ${requestId}]`}\n`);
}
