// What options of a kit have to be, and the limits with their defaults filled in.
import { CuittyError, LIMITS } from "@cuitty/wire-protocol";
import type { ProjectLimits } from "./auth/directory.ts";
import { checkModule } from "./module-check.ts";
import type { KitOptions } from "./options.ts";
import type { StreamLimits } from "./sse/options.ts";

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
  checkThreads(options);
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

function checkThreads({ storageThread, storageThreads = 1 }: KitOptions): void {
  if (!["undefined", "boolean", "string"].includes(typeof storageThread) || storageThread === "")
    throw invalid('Expected storageThread to be true, false or the path of the thread\'s file, such as "./dist/storage-thread.js"');
  if (!(Number.isInteger(storageThreads) && storageThreads >= 1))
    throw invalid(`Expected storageThreads to be a whole number of at least 1, got ${String(storageThreads).slice(0, 40)}`);
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
