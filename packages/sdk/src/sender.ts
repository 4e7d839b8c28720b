// One try to deliver one batch: the same bytes and key each time, a deadline, and a reply that is read with a limit.
import { HEADER } from "@cuitty/wire-protocol/headers";
import type { Batch } from "./batcher.ts";
import type { Settings } from "./options.ts";
import { parseRetryAfter } from "./retry.ts";
import type { Platform } from "./runtime.ts";
import { later } from "./timer.ts";
import { version } from "./version.ts";

const gzipAboveBytes = 1_024;
const maxReplyChars = 2 ** 20;

/** What came of a try. */
export interface Reply {
  /** 0: no connection, no time, or a reply that is not ours. */
  readonly status: number;
  readonly retryAfterMs?: number;
  /** Reasons of refused events by index. */
  readonly refused?: ReadonlyMap<number, string>;
  readonly message: string;
}

/**
 * Sends a batch once. Never rejects; resolves within the timeout, or when the function given to `onStart` is called. `isLast` marks the requests of a
 * page that goes away: they leave in the same turn, so without compression.
 */
export type Send = (batch: Batch, onStart?: (stop: () => void) => void, isLast?: boolean) => Promise<Reply>;

export function createSend(settings: Settings, platform: Platform): Send {
  const { apiKey, projectId, timeout, fetch, portalUrl } = settings;
  const secret = settings.webhookSecret || (apiKey.startsWith("cuitty_pk_") ? "" : apiKey);

  /** The bytes of a batch, made once. */
  async function freeze(batch: Batch, isLast?: boolean): Promise<Uint8Array<ArrayBuffer>> {
    if (!batch.wire) {
      const plain = new TextEncoder().encode(`{"events":[${batch.events.join()}]}`);
      const gzipped = plain.length > gzipAboveBytes && !isLast && (await platform.gzip(plain).catch(() => undefined));
      // While it was being compressed, a page's last request may have frozen it.
      batch.isGzip ??= !!gzipped;
      batch.wire ??= gzipped || plain;
    }
    return batch.wire as Uint8Array<ArrayBuffer>;
  }

  /** Bare hex over the bytes, or with time and key before them. Source: wire protocol, "Signing". */
  async function sign(body: Uint8Array, key: string): Promise<string> {
    if (settings.signature === "body") return platform.sign(body, secret);
    const seconds = Math.floor(Date.now() / 1_000);
    const prefix = new TextEncoder().encode(`v1\n${seconds}\n${key}\n`);
    const signed = new Uint8Array(prefix.length + body.length);
    signed.set(prefix);
    signed.set(body, prefix.length);
    return `t=${seconds},k=sdk,v1=${await platform.sign(signed, secret)}`;
  }

  async function exchange(batch: Batch, signal: AbortSignal, isLast?: boolean): Promise<Reply> {
    // Awaited only when it must be: a page's last request leaves in this turn.
    const frozen = freeze(batch, isLast);
    if (!batch.wire) await frozen;
    const body = batch.wire as Uint8Array<ArrayBuffer>;
    const headers: Record<string, string> = {
      [HEADER.authorization]: `Bearer ${apiKey}`,
      "Content-Type": "application/json",
      [HEADER.projectId]: projectId,
      [HEADER.idempotencyKey]: batch.key,
      [HEADER.sentAt]: new Date().toISOString(),
      [HEADER.sdk]: `cuitty-sdk/${version}`,
    };
    if (batch.isGzip) headers["Content-Encoding"] = "gzip";
    if (secret) headers[HEADER.signature] = await sign(body, batch.key);
    // It may have been stopped meanwhile, which not every fetch looks at.
    signal.throwIfAborted();
    const init: RequestInit = { method: "POST", headers, body, signal, credentials: "omit", redirect: "manual" };
    if (body.length <= platform.room()) init.keepalive = batch.isKept = true;
    try {
      return await readReply(await platform.fetch(fetch, `${portalUrl}/api/ingest`, init), batch.events);
    } finally {
      batch.isKept = false;
    }
  }

  return (batch, onStart, isLast) =>
    new Promise((resolve) => {
      const controller = new AbortController();
      const stop = (): void => {
        resolve({ status: 0, message: "no reply in time" });
        controller.abort();
      };
      const timer = later(stop, timeout);
      onStart?.(stop);
      exchange(batch, controller.signal, isLast)
        .catch((error) => ({ status: 0, message: reasonOf(error) }))
        .then((reply) => {
          clearTimeout(timer);
          resolve(reply);
        });
    });
}

/** A fetch of the app's own may reject with anything, even with what has no text. */
function reasonOf(error: { cause?: unknown } | undefined): string {
  try {
    return `${error?.cause ?? error}`;
  } catch {
    return "unknown error";
  }
}

/** A 2xx counts only with a JSON object as its body: an HTML page, or nothing, that says 200 is a proxy, not the server. */
async function readReply(response: Response, events: readonly string[]): Promise<Reply> {
  const retryAfterMs = parseRetryAfter(response.headers.get("retry-after"));
  // A browser hides the status of a redirect behind 0.
  const status = response.status || 302;
  const text = await readText(response);
  const body = parseObject(text);
  if (!body && status < 300) return { status: 0, retryAfterMs, message: `${status} with a reply that is no JSON object` };
  const refused = new Map<number, string>();
  if (Array.isArray(body?.rejected))
    for (const one of body.rejected) if (Number.isInteger(one?.index) && one.index in events) refused.set(one.index, textOf(one.reason));
  return { status, retryAfterMs, refused, message: `${status} ${textOf(body?.code)} ${textOf(body?.detail)}`.trim() };
}

/** What a server says, if it is no text, as JSON: an object may have a `toString` that is none. */
const textOf = (value: unknown = ""): string => (typeof value === "string" ? value : JSON.stringify(value));

async function readText(response: Response): Promise<string> {
  // Whatever its Content-Length says: that is what it was before it was unpacked.
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    text += decoder.decode(part.value, { stream: true });
    if (text.length > maxReplyChars) {
      reader?.cancel().catch(() => undefined);
      break;
    }
  }
  return text;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
