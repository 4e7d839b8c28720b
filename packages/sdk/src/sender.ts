// One try to deliver one batch: the same bytes and key each time, a deadline, and a reply that is read with a limit.
import type { Batch } from "./batcher.ts";
import type { Settings } from "./options.ts";
import { parseRetryAfter } from "./retry.ts";
import type { Runtime } from "./runtime.ts";
import { version } from "./version.ts";

const gzipAboveBytes = 1_024;
const maxReplyChars = 2 ** 20;

/** What came of a try. */
export interface Reply {
  /** 0: no connection, no time, or a reply that is not ours. */
  readonly status: number;
  readonly retryAfterMs?: number;
  readonly rejected?: readonly { readonly index: number; readonly reason: string }[];
  readonly message?: string;
}

/**
 * Sends a batch once. Never rejects; resolves within the timeout, or when the function given to `onStart` is called. `isLast` marks the requests of a
 * page that goes away: they leave in the same turn, so without compression.
 */
export type Send = (batch: Batch, onStart?: (stop: () => void) => void, isLast?: boolean) => Promise<Reply>;

export function createSend(settings: Settings, runtime: Runtime): Send {
  const { apiKey, projectId, secret, timeout, fetch, url } = settings;

  async function exchange(batch: Batch, signal: AbortSignal, isLast?: boolean): Promise<Reply> {
    let { wire } = batch;
    if (!wire) {
      wire = new TextEncoder().encode(`{"events":[${batch.events}]}`);
      if (!isLast && wire.length > gzipAboveBytes) {
        const gzipped = await runtime.gzip(wire).catch(() => undefined);
        batch.isGzip = !!gzipped;
        wire = gzipped ?? wire;
      }
      batch.wire = wire;
    }
    // Names as in @cuitty/wire-protocol/headers (a test compares them); written out, they cost a page half as much.
    const headers: Record<string, string> = {
      Authorization: `Bearer ${apiKey}`,
      "Content-Type": "application/json",
      "X-Project-Id": projectId,
      "X-Cuitty-Idempotency-Key": batch.key,
      "X-Cuitty-Sent-At": new Date().toISOString(),
      "X-Cuitty-Sdk": `cuitty-sdk/${version}`,
    };
    if (batch.isGzip) headers["Content-Encoding"] = "gzip";
    if (secret) headers["X-Cuitty-Signature"] = await runtime.sign(wire, secret);
    const init: RequestInit = { method: "POST", headers, body: wire as BodyInit, signal, credentials: "omit", redirect: "manual" };
    return readReply(await runtime.fetch(fetch, url, init));
  }

  return (batch, onStart, isLast) =>
    new Promise((resolve) => {
      const controller = new AbortController();
      const stop = (): void => {
        resolve({ status: 0, message: "no reply in time" });
        controller.abort();
      };
      const timer = setTimeout(stop, Math.min(timeout, 2 ** 31 - 1));
      onStart?.(stop);
      exchange(batch, controller.signal, isLast)
        .catch((error) => ({ status: 0, message: `${error?.cause ?? error}` }))
        .then((reply) => {
          clearTimeout(timer);
          resolve(reply);
        });
    });
}

/** A 2xx counts only with a JSON object or nothing as its body: an HTML page that says 200 is a proxy, not the server. */
async function readReply(response: Response): Promise<Reply> {
  const { status } = response;
  const retryAfterMs = parseRetryAfter(response.headers.get("retry-after"));
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let part = await reader?.read(); part && !part.done && text.length < maxReplyChars; part = await reader?.read()) {
    text += decoder.decode(part.value, { stream: true });
  }
  reader?.cancel().catch(() => undefined);
  let reply: { rejected?: unknown; code?: string; detail?: string };
  try {
    reply = Object(JSON.parse(text || "{}"));
  } catch {
    return { status: status > 299 ? status : 0, retryAfterMs, message: `${status} with a reply that is not JSON` };
  }
  const { rejected, code, detail } = reply;
  return {
    // A browser hides the status of a redirect.
    status: response.type === "opaqueredirect" ? 302 : status,
    retryAfterMs,
    rejected: Array.isArray(rejected) ? rejected : undefined,
    message: `${status} ${code ?? ""} ${detail ?? ""}`,
  };
}
