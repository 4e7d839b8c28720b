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
  readonly webhookSecret?: string | undefined;
  /** `"extended"` also signs the time of the try and the idempotency key, for projects that ask for it. @default "body" */
  readonly signature?: "body" | "extended" | undefined;
  /** Longest an event waits before it is sent. Units: ms; Infinity leaves it to the other triggers. @default 5000 */
  readonly flushInterval?: number | undefined;
  /** Events that trigger a request at once. @default 500 */
  readonly maxBufferSize?: number | undefined;
  /** Tries after the first one; 0 means one try. @default 3 */
  readonly maxRetries?: number | undefined;
  /** Longest a request may take. Units: ms; Infinity means as long as the platform lets it. @default 10000 */
  readonly timeout?: number | undefined;
  /** One line to stderr for each change of state. @default false */
  readonly debug?: boolean | undefined;
  /** False switches everything off: nothing is checked, kept, started or sent. @default true */
  readonly enabled?: boolean | undefined;
  /** Where batches wait across outages and restarts. Without one they are dropped (and counted) after the last retry. */
  readonly spool?: SpoolOption | undefined;
  /** `"wal"` writes each batch to the spool before it is sent, so that it survives kill -9; `"exit"` only when needed. @default "exit" */
  readonly durability?: "exit" | "wal" | undefined;
  /** Keeps a serverless request alive until its events are sent, for example `(promise) => ctx.waitUntil(promise)`. */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
  /** Replaces the global fetch, which is otherwise taken when the client is created. */
  readonly fetch?: typeof fetch | undefined;
}

/** Options with every default in place. */
export type Settings = Required<Omit<CuittyOptions, "waitUntil">> & Pick<CuittyOptions, "waitUntil">;

/** Checks options. Errors: one `invalid_option` that names the first wrong option and never shows a text. */
export function normalizeOptions(options: CuittyOptions): Settings {
  const settings: Values = {
    portalUrl: "",
    projectId: "",
    apiKey: "",
    webhookSecret: "",
    flushInterval: 5_000,
    maxBufferSize: 500,
    maxRetries: 3,
    timeout: 10_000,
    debug: false,
    enabled: true,
    spool: "",
    durability: "exit",
    signature: "body",
    fetch,
    waitUntil: undefined,
  };
  fill(settings, options);
  return settings as unknown as Settings;
}

type Values = Record<string, unknown>;

/** Puts what is given in the place of defaults; a default's type is its option's type. */
function fill(values: Values, given: object, path = ""): undefined {
  for (const name in { ...values, ...given }) {
    const value = (given as Values | undefined)?.[name] ?? values[name];
    const problem = name in values ? value !== undefined && problemOf(name, value, typeof (values[name] ?? fail)) : "is no option";
    if (problem) fail(path + name, problem);
    values[name] = name === "portalUrl" ? baseUrl(value as string) : value;
  }
}

function problemOf(name: string, value: unknown, expected: string): string | undefined {
  const choices: Record<string, string> = { durability: "exit or wal", signature: "body or extended" };
  const least = +(name === "timeout");
  if (typeof value === "object" && name === "spool")
    return (value as Values).put ? undefined : fill({ directory: "", maxBytes: 0, maxAgeMs: 0 }, value as object, "spool.");
  if (typeof value !== expected) return `must be a ${expected}, not ${typeof value}`;
  if (expected === "number" && (!((value as number) >= least) || (/^maxR/.test(name) && (value as number) % 1)))
    return `must be a whole number from ${least}, not ${value}`;
  if (name === "directory" && !value) return "must be given";
  // A header carries it, so neither spaces nor line ends.
  if (/Id|Key/.test(name) && !/^[!-~]+$/.test(value as string)) return "must be given, as text without spaces";
  return choices[name]?.split(" or ").includes(value as string) === false ? `must be ${choices[name]}` : undefined;
}

function baseUrl(text: string): string {
  try {
    // "//" is no URL anywhere; nothing at all would be the page's own.
    const { href } = new URL(text.trim() || "//", globalThis.location?.href);
    if (/^https?:\/\/[^@/]+\/[^?#]*$/.test(href)) return href.replace(/\/+$/, "");
  } catch {
    // Said below.
  }
  return fail("portalUrl", "must be an http(s) URL without credentials or query");
}

function fail(option: string, problem: string): never {
  throw new CuittyError("invalid_option", `createCuittyClient: ${option} ${problem}`, { details: { option } });
}
