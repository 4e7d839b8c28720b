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
  /** Longest an event waits before it is sent. Units: ms; Infinity leaves it to the other triggers. @default 5000 */
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
  /** Replaces the global fetch, which is otherwise taken when the client is created. */
  readonly fetch?: typeof fetch;
}

/** Options after the check, with every default in place. */
export type Settings = ReturnType<typeof normalizeOptions>;

const token = /^[!-~]+$/;

/** A number is the least value, a list holds types or values, an expression is for text. */
const rules: Record<string, number | readonly unknown[] | RegExp> = {
  portalUrl: token,
  projectId: token,
  apiKey: token,
  webhookSecret: token,
  flushInterval: 0,
  maxBufferSize: 1,
  maxRetries: 0,
  timeout: 1,
  debug: ["boolean"],
  enabled: ["boolean"],
  spool: ["string", "object"],
  durability: ["exit", "wal"],
  waitUntil: ["function"],
  fetch: ["function"],
};

/** Checks options and puts defaults in place. Errors: one `invalid_option` that names the first wrong option and never shows a text. */
export function normalizeOptions(options: CuittyOptions) {
  const required = { portalUrl: "", projectId: "", apiKey: "" };
  for (const name in { ...required, ...options }) check(name, (options as never)?.[name] ?? (required as Record<string, unknown>)[name]);
  const { apiKey, webhookSecret, spool, waitUntil } = options;
  return {
    url: `${baseUrl(options.portalUrl)}/api/ingest`,
    portalUrl: baseUrl(options.portalUrl),
    projectId: options.projectId,
    apiKey,
    secret: webhookSecret ?? (/^cuitty_pk_/.test(apiKey) ? undefined : apiKey),
    flushInterval: options.flushInterval ?? 5_000,
    maxBufferSize: options.maxBufferSize ?? 500,
    maxRetries: options.maxRetries ?? 3,
    timeout: options.timeout ?? 10_000,
    debug: options.debug ?? false,
    spool,
    isWal: options.durability === "wal",
    waitUntil,
    fetch: options.fetch ?? fetch,
  };
}

function check(name: string, value: unknown): void {
  const rule = rules[name];
  const kind = typeof value;
  if (rule === undefined) fail(name, "no such option");
  if (value === undefined) return;
  const [isRight, expected] =
    typeof rule === "number"
      ? [kind === "number" && (value as number) >= rule, `a number >= ${rule}`]
      : rule instanceof RegExp
        ? [rule.test(value as string), "text without spaces"]
        : [rule.includes(kind) || rule.includes(value), rule.join(" or ")];
  if (!isRight) fail(name, `expected ${expected}, got ${kind === "number" ? value : value === "" ? "nothing" : kind}`);
}

function baseUrl(text: string): string {
  try {
    const { protocol, origin, pathname, username, password } = new URL(text, globalThis.location?.href);
    if (/^https?:$/.test(protocol) && !username && !password) return (origin + pathname).replace(/\/+$/, "");
  } catch {
    // Said below.
  }
  return fail("portalUrl", "expected an http(s) URL without credentials");
}

function fail(option: string, problem: string): never {
  throw new CuittyError("invalid_option", `createCuittyClient: ${option}: ${problem}`, { details: { option } });
}
