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
  /** `"extended"` also signs the time of the try and the idempotency key, for projects that ask for it. @default "body" */
  readonly signature?: "body" | "extended";
  /** Longest an event waits before it is sent. Units: ms; Infinity leaves it to the other triggers. @default 5000 */
  readonly flushInterval?: number;
  /** Events that trigger a request at once. @default 500 */
  readonly maxBufferSize?: number;
  /** Tries after the first one; 0 means one try. @default 3 */
  readonly maxRetries?: number;
  /** Longest a request may take. Units: ms; Infinity means as long as the platform lets it. @default 10000 */
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

/** Options with every default in place. */
export type Settings = Required<Omit<CuittyOptions, "waitUntil">> & Pick<CuittyOptions, "waitUntil">;

/** Checks options; a default's type is its option's type. Errors: one `invalid_option` that names the first wrong option and never shows a text. */
export function normalizeOptions(options: CuittyOptions): Settings {
  const settings: Record<string, unknown> = {
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
  for (const name in { ...settings, ...options }) {
    const value = (options as unknown as Record<string, unknown>)?.[name] ?? settings[name];
    const problem = name in settings ? value !== undefined && problemOf(name, value, typeof (settings[name] ?? fail)) : "is no option";
    if (problem) fail(name, problem);
    settings[name] = name === "portalUrl" ? baseUrl(value as string) : value;
  }
  return settings as unknown as Settings;
}

function problemOf(name: string, value: unknown, expected: string): string | undefined {
  const choices: Record<string, string> = { durability: "exit or wal", signature: "body or extended" };
  const least = +(name === "timeout");
  const { directory, put } = value as Record<string, unknown>;
  if (typeof value !== expected && (name !== "spool" || !(directory || put))) return `must be a ${expected}, not ${typeof value}`;
  if (expected === "number" && !((value as number) >= least)) return `must be at least ${least}, not ${value}`;
  // A header carries it, so neither spaces nor line ends.
  if (/Id|Key/.test(name) && !/^[!-~]+$/.test(value as string)) return "must be given, as text without spaces";
  return choices[name]?.split(" or ").includes(value as string) === false ? `must be ${choices[name]}` : undefined;
}

function baseUrl(text: string): string {
  try {
    // "//" is no URL anywhere; nothing at all would be the page's own.
    const { protocol, origin, pathname, username, password } = new URL(text.trim() || "//", globalThis.location?.href);
    if (/^http/.test(protocol) && !(username + password)) return (origin + pathname).replace(/\/+$/, "");
  } catch {
    // Said below.
  }
  return fail("portalUrl", "must be an http(s) URL without credentials");
}

function fail(option: string, problem: string): never {
  throw new CuittyError("invalid_option", `createCuittyClient: ${option} ${problem}`, { details: { option } });
}
