// Options of a client: their meaning, their defaults and the one check they all go through.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { SpoolOption } from "./spool.ts";

export interface CuittyOptions {
  /** Base URL of the app or portal that serves `/api/ingest`. In a browser it may be relative to the page. */
  readonly portalUrl: string;
  readonly projectId: string;
  /** `cuitty_sk_...`, or `cuitty_pk_...` in a browser. */
  readonly apiKey: string;
  /** Signs each request. Without it the `sk` key signs; `pk` keys do not sign. */
  readonly webhookSecret?: string;
  /** Longest an event waits before it is sent. Units: ms; Infinity means only the other triggers. @default 5000 */
  readonly flushInterval?: number;
  /** Events that trigger a request at once. @default 500 */
  readonly maxBufferSize?: number;
  /** Tries after the first one; 0 means one try. @default 3 */
  readonly maxRetries?: number;
  /** Longest a request may take. Units: ms. @default 10000 */
  readonly timeout?: number;
  /** One line to stderr for each change of state. @default false */
  readonly debug?: boolean;
  /** False switches everything off: nothing is checked, kept, started or sent. @default true */
  readonly enabled?: boolean;
  /** Where batches wait across outages and restarts. Without one they are dropped (and counted) after the last retry. */
  readonly spool?: SpoolOption;
  /** `"wal"` writes each batch to the spool before it is sent, so that it survives kill -9; `"exit"` only when needed. @default "exit" */
  readonly durability?: "exit" | "wal";
  /** Keeps a serverless request alive until its events are sent, for example `(promise) => ctx.waitUntil(promise)`. */
  readonly waitUntil?: (promise: Promise<unknown>) => void;
  /** Replaces the global fetch, which is otherwise captured when the client is created. */
  readonly fetch?: typeof fetch;
}

/** Options after the check, with every default in place. */
export interface Settings {
  readonly portalUrl: string;
  readonly projectId: string;
  readonly apiKey: string;
  readonly secret: string | undefined;
  readonly flushInterval: number;
  readonly maxBufferSize: number;
  readonly maxRetries: number;
  readonly timeout: number;
  readonly debug: boolean;
  readonly spool: SpoolOption | undefined;
  readonly wal: boolean;
  readonly waitUntil: ((promise: Promise<unknown>) => void) | undefined;
  readonly fetch: typeof fetch;
}

type Rule = readonly [isValid: (value: unknown) => boolean, expected: string, isRequired?: boolean];

const isToken = (value: unknown): boolean => typeof value === "string" && /^[\x21-\x7e]+$/.test(value);
const isBoolean = (value: unknown): boolean => typeof value === "boolean";
const isFunction = (value: unknown): boolean => typeof value === "function";
const isMs = (value: unknown): boolean => typeof value === "number" && value >= 0;
const isCount = (value: unknown): boolean => isMs(value) && (value === Infinity || Number.isInteger(value));

const rules: Record<keyof CuittyOptions, Rule> = {
  portalUrl: [(value) => baseUrl(value) !== undefined, "an http(s) URL without credentials", true],
  projectId: [isToken, "the id of your project", true],
  apiKey: [isToken, "a key such as cuitty_sk_...", true],
  webhookSecret: [isToken, "the project's webhook secret"],
  flushInterval: [isMs, "ms >= 0"],
  maxBufferSize: [(value) => isCount(value) && value !== 0, "a whole number >= 1"],
  maxRetries: [isCount, "a whole number >= 0"],
  timeout: [(value) => isMs(value) && value !== 0, "ms > 0"],
  debug: [isBoolean, "a boolean"],
  enabled: [isBoolean, "a boolean"],
  spool: [(value) => !!value && /string|object/.test(typeof value), "a folder or a spool adapter"],
  durability: [(value) => value === "exit" || value === "wal", '"exit" or "wal"'],
  waitUntil: [isFunction, "a function"],
  fetch: [isFunction, "a function"],
};

/** Checks options. Errors: one `invalid_option` that names the first wrong option and never shows its value. */
export function normalizeOptions(options: CuittyOptions): Settings {
  const given: Record<string, unknown> = { ...options };
  for (const name in given) if (!(name in rules)) fail(name, "no such option");
  for (const name in rules) {
    const [isValid, expected, isRequired] = rules[name as keyof CuittyOptions];
    const value = given[name];
    if (value === undefined ? isRequired : !isValid(value)) fail(name, `expected ${expected}, got ${describe(value)}`);
  }
  const { apiKey, webhookSecret } = options;
  return {
    portalUrl: baseUrl(options.portalUrl) as string,
    projectId: options.projectId,
    apiKey,
    secret: webhookSecret ?? (apiKey.startsWith("cuitty_pk_") ? undefined : apiKey),
    flushInterval: options.flushInterval ?? 5_000,
    maxBufferSize: options.maxBufferSize ?? 500,
    maxRetries: options.maxRetries ?? 3,
    timeout: options.timeout ?? 10_000,
    debug: options.debug ?? false,
    spool: options.spool,
    wal: options.durability === "wal",
    waitUntil: options.waitUntil,
    fetch: options.fetch ?? fetch,
  };
}

function fail(option: string, problem: string): never {
  throw new CuittyError("invalid_option", `createCuittyClient: ${option}: ${problem}`, { details: { option } });
}

function describe(value: unknown): string {
  return typeof value === "number" ? `${value}` : value === "" ? "an empty string" : value === null ? "null" : typeof value;
}

function baseUrl(value: unknown): string | undefined {
  try {
    const url = new URL(value as string, globalThis.location?.href);
    if (!/^https?:$/.test(url.protocol) || url.username || url.password) return undefined;
    return (url.origin + url.pathname).replace(/\/+$/, "");
  } catch {
    return undefined;
  }
}
