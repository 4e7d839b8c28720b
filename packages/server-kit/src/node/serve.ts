// A server for those who have no app of their own: one listener with time-outs and caps against slow and idle clients.
import { createServer, type IncomingMessage, type RequestListener, type Server, STATUS_CODES } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { CuittyError, PROBLEM_CONTENT_TYPE, problemOf } from "@cuitty/wire-protocol";
import { type MountableKit, nodeHandler, nodeRefusal } from "./node-handler.ts";

export interface ServeOptions {
  /** 0 takes a free one. @default 7700 */
  readonly port?: number | undefined;
  /** Address to listen on; `0.0.0.0` for all. @default "127.0.0.1" */
  readonly hostname?: string | undefined;
  /** Until a request's headers must be complete, an idle new connection included. @default 10000 */
  readonly headersTimeoutMs?: number | undefined;
  /** Until a request must be complete with its body. @default 30000 */
  readonly requestTimeoutMs?: number | undefined;
  /** How long a connection may idle between two requests. @default 5000 */
  readonly keepAliveTimeoutMs?: number | undefined;
  /** Size of a request's headers. Units: bytes. @default 16384 */
  readonly maxHeaderBytes?: number | undefined;
  /** Connections at the same time; further ones are closed at once. @default 10000 */
  readonly maxConnections?: number | undefined;
  /** Connections at the same time from one address. Behind a proxy all come from one: raise it there. @default 1000 */
  readonly maxConnectionsPerIp?: number | undefined;
}

/** A server that listens. */
export interface RunningServer {
  readonly server: Server;
  readonly port: number;
  /** `http://hostname:port`. */
  readonly url: string;
  /** Stops taking connections, waits for requests under way, then cuts off what is left. Idempotent. */
  close(graceMs?: number): Promise<void>;
}

const checkEveryMs = 1_000;

/**
 * Serves a kit, or any request listener. Closing the server leaves the kit open.
 * **Errors**: `port_in_use`, `listen_failed`.
 * @example const server = await serve(kit, { port: 7700 });
 */
export async function serve(app: MountableKit | RequestListener, options: ServeOptions = {}): Promise<RunningServer> {
  const listener = typeof app === "function" ? app : nodeHandler(app);
  const { port = 7_700, hostname = "127.0.0.1", maxConnections = 10_000, maxConnectionsPerIp = 1_000 } = options;
  const server = createServer(
    {
      headersTimeout: options.headersTimeoutMs ?? 10_000,
      requestTimeout: options.requestTimeoutMs ?? 30_000,
      keepAliveTimeout: options.keepAliveTimeoutMs ?? 5_000,
      maxHeaderSize: options.maxHeaderBytes ?? 16_384,
      // Node looks only every 30 s otherwise, and its time-outs are that late.
      connectionsCheckingInterval: checkEveryMs,
      requireHostHeader: true,
    },
    guardTarget(listener),
  );
  server.maxConnections = maxConnections;
  // No count: Node drops headers over it without a word, a signature or a key among them. `maxHeaderSize` holds, and answers 431.
  server.maxHeadersCount = 0;
  capPerIp(server, maxConnectionsPerIp);
  server.on("clientError", answerClientError);
  await listen(server, port, hostname);
  const actualPort = (server.address() as AddressInfo).port;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  let closing: Promise<void> | null = null;
  return {
    server,
    port: actualPort,
    url: `http://${host}:${actualPort}`,
    close(graceMs = 5_000) {
      closing ??= closeServer(server, graceMs);
      return closing;
    },
  };
}

/** Only targets that begin with a slash reach a handler: an absolute one or `*` names something else than a path here. */
function guardTarget(listener: RequestListener): RequestListener {
  const refuse = nodeRefusal();
  return (incoming: IncomingMessage, outgoing) => {
    if (incoming.url?.startsWith("/")) {
      listener(incoming, outgoing);
      return;
    }
    outgoing.setHeader("connection", "close");
    refuse(incoming, outgoing, new CuittyError("invalid_request", "Expected a request target that begins with a slash"));
  };
}

/** What Node refuses before there is a request: its own answers have no body, and say nothing a program could read. */
function answerClientError(error: Error & { readonly code?: string }, socket: Duplex): void {
  // An answer that has begun cannot be taken back. Node keeps it there, and looks there itself.
  const begun = (socket as { readonly _httpMessage?: { readonly headersSent: boolean } })._httpMessage?.headersSent === true;
  if (!socket.writable || begun) {
    socket.destroy();
    return;
  }
  const problem = problemOf(clientError(error.code));
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    "Connection: close",
    `Content-Type: ${PROBLEM_CONTENT_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}

function clientError(code: string | undefined): CuittyError {
  if (code === "HPE_HEADER_OVERFLOW") return new CuittyError("headers_too_large", "Expected smaller headers");
  if (code === "HPE_CHUNK_EXTENSIONS_OVERFLOW") return new CuittyError("batch_too_large", "Expected chunks without long extensions");
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return new CuittyError("request_timeout", "The request did not arrive in time; send it again", { retryable: true });
  return new CuittyError("invalid_request", "Expected a request as HTTP/1.1 has them");
}

function capPerIp(server: Server, limit: number): void {
  const countByIp = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const ip = socket.remoteAddress ?? "";
    const count = (countByIp.get(ip) ?? 0) + 1;
    countByIp.set(ip, count);
    socket.once("close", () => {
      const left = (countByIp.get(ip) ?? 1) - 1;
      if (left === 0) countByIp.delete(ip);
      else countByIp.set(ip, left);
    });
    if (count > limit) socket.destroy();
  });
}

function listen(server: Server, port: number, hostname: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: Error & { readonly code?: string }) => {
      const isTaken = error.code === "EADDRINUSE";
      const message = isTaken
        ? `Port ${port} is in use: stop the program that has it, or choose another port`
        : `Cannot listen on ${hostname}:${port} (${error.code ?? "unknown error"})`;
      reject(new CuittyError(isTaken ? "port_in_use" : "listen_failed", message, { cause: error }));
    });
    server.listen(port, hostname, resolve);
  });
}

function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cutOff = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(cutOff);
      resolve();
    });
    server.closeIdleConnections();
  });
}
