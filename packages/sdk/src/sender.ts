// One try to deliver one batch: the same bytes and key each time, a deadline, and a reply that is read with a limit.
import { HEADER } from "@cuitty/wire-protocol/headers";
import type { Batch } from "./batcher.ts";
import type { Settings } from "./options.ts";
import { parseRetryAfter } from "./retry.ts";
import type { Runtime } from "./runtime.ts";
import { version } from "./version.ts";

const gzipAboveBytes = 1_024;
const maxReplyChars = 1_048_576;

/** What came of a try. Status 0: no connection, no time, or a reply that is not ours. */
export interface Reply {
  readonly status: number;
  /** Units: ms. */
  readonly retryAfterMs?: number;
  readonly rejected: readonly Rejection[];
  readonly message?: string;
}

export interface Rejection {
  readonly index: number;
  readonly reason: string;
}

export interface Sender {
  /** Never rejects; resolves within the timeout, or when `life` is aborted. */
  send(batch: Batch, life: AbortSignal): Promise<Reply>;
  /** Gets the code for signing and compression early. A failure shows at the first try that needs it, and the next try gets it again. */
  warmUp(): void;
}

export function createSender(settings: Settings, runtime: Runtime): Sender {
  const { secret } = settings;
  const sign = secret ? lazy(runtime.loadSign) : undefined;
  const gzip = lazy(runtime.loadGzip);

  async function prepare(batch: Batch): Promise<NonNullable<Batch["wire"]>> {
    const plain = new TextEncoder().encode(`{"events":[${batch.events.join()}]}`);
    const compress = plain.length > gzipAboveBytes ? await gzip().catch(() => undefined) : undefined;
    const body = compress ? await compress(plain).catch(() => plain) : plain;
    return { body, isGzip: body !== plain };
  }

  async function exchange(batch: Batch, signal: AbortSignal): Promise<Reply> {
    batch.wire ??= await prepare(batch);
    const { body, isGzip } = batch.wire;
    const headers: Record<string, string> = {
      [HEADER.authorization]: `Bearer ${settings.apiKey}`,
      "Content-Type": "application/json",
      [HEADER.projectId]: settings.projectId,
      [HEADER.idempotencyKey]: batch.key,
      [HEADER.sentAt]: new Date().toISOString(),
      [HEADER.sdk]: `cuitty-sdk/${version}`,
    };
    if (isGzip) headers["Content-Encoding"] = "gzip";
    if (sign) headers[HEADER.signature] = await (await sign())(body, secret as string);
    const request = settings.fetch;
    const response = await request(`${settings.portalUrl}/api/ingest`, {
      method: "POST",
      headers,
      body: body as BodyInit,
      signal,
      credentials: "omit",
      redirect: "manual",
    });
    return readReply(response);
  }

  return {
    warmUp() {
      for (const load of [sign, gzip]) load?.().catch(() => undefined);
    },
    send(batch, life) {
      const controller = new AbortController();
      return new Promise<Reply>((resolve) => {
        const finish = (reply: Reply): void => {
          clearTimeout(timer);
          life.removeEventListener("abort", abort);
          resolve(reply);
        };
        const abort = (): void => {
          finish({ status: 0, rejected: [], message: "timeout" });
          controller.abort();
        };
        const timer = setTimeout(abort, Math.min(settings.timeout, 2 ** 31 - 1));
        life.addEventListener("abort", abort);
        exchange(batch, controller.signal).then(finish, (error: unknown) => {
          finish({ status: 0, rejected: [], message: String((error as Error | undefined)?.cause ?? error) });
        });
      });
    },
  };
}

function lazy<Value>(load: () => Promise<Value>): () => Promise<Value> {
  let loading: Promise<Value> | undefined;
  return () => {
    loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
}

/** A 2xx counts only with a JSON object or nothing as its body: an HTML page that says 200 is a proxy, not the server. */
async function readReply(response: Response): Promise<Reply> {
  const retryAfterMs = parseRetryAfter(response.headers.get("retry-after"));
  const status = response.type === "opaqueredirect" ? 302 : response.status;
  const text = await readText(response);
  let reply: { rejected?: unknown; code?: unknown; detail?: unknown } | undefined;
  try {
    reply = Object(JSON.parse(text || "{}")) as typeof reply;
  } catch {
    if (status < 300) return { status: 0, rejected: [], message: "the reply is not JSON; is portalUrl right?" };
  }
  const rejected = status < 300 && Array.isArray(reply?.rejected) ? (reply.rejected as Rejection[]) : [];
  const message = reply?.code ? `${reply.code} ${reply.detail ?? ""}` : undefined;
  return { status, retryAfterMs, rejected, message };
}

async function readText(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (reader && text.length <= maxReplyChars) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
  }
  reader?.cancel().catch(() => undefined);
  return text;
}
