// Makes an exchange of a Web Request, with Node's own request underneath where the host hands it over.
import type { IncomingMessage, ServerResponse } from "node:http";
import { isCuittyError } from "@cuitty/wire-protocol";
import { batchTooLarge, bodyConsumed, bodyTimeout, collectPieces, lingering, requestAborted } from "./body.ts";
import type { BodySource, Exchange, ReadLimits } from "./exchange.ts";
import { isUntouched, nodeBody } from "./node-exchange.ts";

/** What a host may add to a Request. Hono's node server passes `incoming` and `outgoing` as its bindings. */
export interface FetchEnvironment {
  readonly incoming?: IncomingMessage | undefined;
  readonly outgoing?: ServerResponse | undefined;
  /** Address of the peer, where the host knows it. */
  readonly ip?: string | undefined;
  /** The app's mount prefix, taken off the path. @default "" */
  readonly basePath?: string | undefined;
}

/** **Errors**: none; a path outside `basePath` is left as it is and meets no route. */
export function fetchExchange(request: Request, environment: FetchEnvironment = {}): Exchange {
  const { incoming, outgoing, basePath = "" } = environment;
  const { path, search } = splitUrl(request.url, incoming !== undefined);
  const headers = request.headers;
  const isMounted = basePath !== "" && path.startsWith(`${basePath}/`);
  return {
    method: request.method,
    path: isMounted ? path.slice(basePath.length) : path,
    ...(isMounted ? { mountPath: basePath } : undefined),
    search,
    header: (name) => headers.get(name),
    body: {
      // Asked when it is read: whoever stands between may have touched the request by then.
      read: (limits) => (incoming !== undefined && isUnopened(request, incoming) ? nodeBody(incoming) : webBody(request)).read(limits),
    },
    request,
    get signal() {
      return request.signal;
    },
    ip: environment.ip ?? incoming?.socket?.remoteAddress ?? null,
    ...(incoming && outgoing ? { node: { incoming, outgoing } } : undefined),
  };
}

/**
 * True while nobody can have a web stream on Node's request. Hono's node server hands over a stand-in that makes a real Request, and with it such a
 * stream, only when it is asked for more than the head; two readers would starve each other. Any other Request is read itself.
 */
function isUnopened(request: Request, incoming: IncomingMessage): boolean {
  if (request.bodyUsed || !isUntouched(incoming)) return false;
  let isStandIn = false;
  for (const symbol of Object.getOwnPropertySymbols(request)) {
    const value: unknown = (request as unknown as Record<symbol, unknown>)[symbol];
    if (value === incoming) isStandIn = true;
    else if (typeof value === "object" && value !== null && "bodyUsed" in value) return false;
  }
  return isStandIn;
}

/**
 * A Request's URL is absolute and parsed already, so that finding its parts needs no second parser. A fragment never travels: one that came over the
 * wire is part of a target that is not ours, as it is for Node's own servers.
 */
function splitUrl(url: string, isFromWire: boolean): { readonly path: string; readonly search: string } {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  if (start === -1) return { path: "/", search: "" };
  const hash = isFromWire ? -1 : url.indexOf("#", start);
  const end = hash === -1 ? url.length : hash;
  const query = url.indexOf("?", start);
  return query === -1 || query > end
    ? { path: url.slice(start, end), search: "" }
    : { path: url.slice(start, query), search: url.slice(query, end) };
}

/** The body of a Web Request, counted while it streams. */
export function webBody(request: Request): BodySource {
  return {
    async read(limits) {
      if (request.bodyUsed) throw bodyConsumed();
      if (request.body === null) return new Uint8Array(0);
      if (request.body.locked) throw bodyConsumed();
      const declared = Number(request.headers.get("content-length") ?? "0");
      if (declared > limits.maxBytes + lingering.maxBytes) throw batchTooLarge(limits.maxBytes);
      return readStream(request.body, limits);
    },
  };
}

async function readStream(stream: ReadableStream<Uint8Array>, limits: ReadLimits): Promise<Uint8Array> {
  const reader = stream.getReader();
  try {
    return await collect(reader, limits);
  } catch (error) {
    if (isCuittyError(error, "batch_too_large")) await discard(reader);
    // Not awaited: a sender that never reads its stream's end would hold the answer back.
    reader.cancel().catch(() => undefined);
    throw isCuittyError(error) ? error : requestAborted(error);
  }
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

async function collect(reader: Reader, limits: ReadLimits): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const deadlineMs = performance.now() + limits.totalTimeoutMs;
  let bytes = 0;
  while (true) {
    const waitMs = Math.min(limits.idleTimeoutMs, deadlineMs - performance.now());
    const { done, value } = await withTimeout(reader.read(), waitMs);
    if (done) return collectPieces(pieces, bytes);
    bytes += value.byteLength;
    if (bytes > limits.maxBytes) throw batchTooLarge(limits.maxBytes);
    limits.onBytes?.(bytes);
    pieces.push(value);
  }
}

/** Reads on for a while and keeps nothing; see `lingering`. */
async function discard(reader: Reader): Promise<void> {
  const deadlineMs = performance.now() + lingering.totalMs;
  let bytes = 0;
  try {
    while (bytes <= lingering.maxBytes) {
      const { done, value } = await withTimeout(reader.read(), Math.min(lingering.idleMs, deadlineMs - performance.now()));
      if (done) return;
      bytes += value.byteLength;
    }
  } catch {
    // reason: the refusal is what counts, however much of the body could be read
  }
}

async function withTimeout<T>(promise: Promise<T>, waitMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(bodyTimeout()), Math.max(0, waitMs));
  });
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}
