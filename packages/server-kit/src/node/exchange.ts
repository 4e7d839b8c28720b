// Makes an exchange of Node's request and response, HTTP/1 or HTTP/2, without a web Request in between.
import type { IncomingMessage, ServerResponse } from "node:http";
import { batchTooLarge, bodyConsumed } from "../ingest/body.ts";
import type { BodySource, Exchange } from "../ingest/exchange.ts";
import { isUntouched, nodeBody } from "../ingest/node-exchange.ts";

/** What body parsers leave on a request. */
export type ParsedIncoming = IncomingMessage & { readonly rawBody?: unknown; readonly body?: unknown };

export interface NodeExchangeOptions {
  /** Path and query as the kit should see them. @default incoming.url */
  readonly url?: string | undefined;
  /** What was taken off the client's path. @default "" */
  readonly mountPath?: string | undefined;
}

/** **Errors**: none; a body that is gone is an error when it is read. */
export function nodeExchange(incoming: ParsedIncoming, outgoing: ServerResponse, options: NodeExchangeOptions = {}): Exchange {
  const { path, search } = splitTarget(options.url ?? incoming.url ?? "/");
  let request: Request | undefined;
  let signal: AbortSignal | undefined;
  return {
    method: incoming.method ?? "GET",
    path,
    ...(options.mountPath ? { mountPath: options.mountPath } : undefined),
    search,
    header: (name) => headerOf(incoming, name),
    get body() {
      return bodyOf(incoming);
    },
    get request() {
      request ??= headAsRequest(incoming, path + search);
      return request;
    },
    get signal() {
      signal ??= closeSignal(outgoing);
      return signal;
    },
    ip: incoming.socket?.remoteAddress ?? null,
    node: { incoming, outgoing },
  };
}

/** `//api` stays `//api`, and an absolute target is not ours: nothing is cleaned up that another parser might read differently. */
function splitTarget(url: string): { readonly path: string; readonly search: string } {
  const query = url.indexOf("?");
  return query === -1 ? { path: url, search: "" } : { path: url.slice(0, query), search: url.slice(query) };
}

// Of these Node keeps the first and drops the rest, so that two bearers would pass as one.
const singleHeaders = new Set(["authorization", "content-type", "content-length", "host", "user-agent", "proxy-authorization"]);

function headerOf(incoming: IncomingMessage, name: string): string | null {
  if (singleHeaders.has(name)) return rawHeaderOf(incoming.rawHeaders, name);
  const value = incoming.headers[name];
  return value === undefined ? null : Array.isArray(value) ? value.join(", ") : value;
}

function rawHeaderOf(rawHeaders: readonly string[], name: string): string | null {
  let joined: string | null = null;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const key = rawHeaders[index] as string;
    if (key.length !== name.length || key.toLowerCase() !== name) continue;
    const value = rawHeaders[index + 1] as string;
    joined = joined === null ? value : `${joined}, ${value}`;
  }
  return joined;
}

/**
 * The exact bytes, or an error that names the cure; never bytes made of a parsed body.
 * Parsers hand on decompressed bytes, so what they left is the wire's only without Content-Encoding.
 */
function bodyOf(incoming: ParsedIncoming): BodySource {
  if (isUntouched(incoming)) return nodeBody(incoming);
  const isPlain = /^\s*(identity)?\s*$/i.test(String(incoming.headers["content-encoding"] ?? ""));
  const kept = incoming.rawBody instanceof Uint8Array ? incoming.rawBody : incoming.body;
  return {
    async read({ maxBytes }) {
      if (!isPlain || !(kept instanceof Uint8Array)) throw bodyConsumed();
      if (kept.byteLength > maxBytes) throw batchTooLarge(maxBytes);
      return kept;
    },
  };
}

/** Source: RFC 3986 section 3.2.2, without user information: what has more in it would move the path, or is refused by Request. */
const hostAndPort = /^(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#@\\:[\]]+)(?::\d{1,5})?$/;

// A Request needs an absolute URL. The host is for show: nothing may be decided by it.
function headAsRequest(incoming: IncomingMessage, target: string): Request {
  const headers = new Headers();
  for (let index = 0; index < incoming.rawHeaders.length; index += 2) {
    const name = incoming.rawHeaders[index] as string;
    if (!name.startsWith(":")) headers.append(name, incoming.rawHeaders[index + 1] as string);
  }
  const scheme = isEncrypted(incoming) ? "https" : "http";
  const host = String(incoming.headers[":authority"] ?? incoming.headers.host);
  const base = `${scheme}://${host}`;
  const isHost = hostAndPort.test(host) && URL.canParse(base);
  const url = target.startsWith("/") ? (isHost ? base : `${scheme}://localhost`) + target : `${scheme}://localhost/`;
  return new Request(url, { method: incoming.method ?? "GET", headers });
}

/** Whether this connection itself is TLS. */
export function isEncrypted(incoming: IncomingMessage): boolean {
  return (incoming.socket as { readonly encrypted?: boolean } | undefined)?.encrypted === true;
}

// The response's `close`: the request's comes at once when its body was read.
function closeSignal(outgoing: ServerResponse): AbortSignal {
  const controller = new AbortController();
  if (outgoing.destroyed) controller.abort();
  else outgoing.once("close", () => outgoing.writableFinished || controller.abort());
  return controller.signal;
}
