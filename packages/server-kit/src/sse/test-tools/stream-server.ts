// A server for tests: live streams on a loopback port, and clients that read them with the strict parser, or do not read at all.
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Exchange } from "../../ingest/exchange.ts";
import { fetchExchange } from "../../ingest/fetch-exchange.ts";
import type { Subject } from "../../route.ts";
import { createLiveStreams, type LiveStreams } from "../live-streams.ts";
import type { LiveStreamsOptions } from "../options.ts";
import { parseStreamQuery } from "../stream-query.ts";
import { createEventParser, type EventParser } from "./event-parser.ts";

export const subjectOf = (projectId: string, id = `key-${projectId}`): Subject => ({
  id,
  kind: "api_key",
  projectId,
  organizationId: "org",
  scopes: ["read"],
});

/** Opens a stream as a kit would, for the project that a header names. */
export async function openFor(streams: LiveStreams, exchange: Exchange): Promise<Response> {
  const projectId = exchange.header("x-test-project") ?? "p1";
  try {
    const { topics, cursor } = parseStreamQuery(exchange);
    return await streams.open(exchange, { subject: subjectOf(projectId), projectId, topics: topics ?? streams.topics, cursor });
  } catch (error) {
    return Response.json({ code: (error as { code?: string }).code, message: (error as Error).message }, { status: 400 });
  }
}

export interface StreamServer {
  readonly port: number;
  readonly streams: LiveStreams;
  close(): Promise<void>;
}

export async function startStreamServer(options: LiveStreamsOptions): Promise<StreamServer> {
  const streams = createLiveStreams(options);
  const server = createServer((incoming, outgoing: ServerResponse) => {
    const headers = new Headers(incoming.headers as Record<string, string>);
    const request = new Request(`http://localhost${incoming.url}`, { headers });
    void openFor(streams, fetchExchange(request, { incoming, outgoing })).then(async (response) => {
      if (outgoing.headersSent || outgoing.destroyed) return;
      outgoing.writeHead(response.status, { "content-type": "application/json" });
      outgoing.end(await response.text());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    streams,
    async close() {
      streams.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface StreamReader {
  readonly parser: EventParser;
  /** Status line and headers. */
  head(): string;
  isClosed(): boolean;
  seqs(): number[];
  pause(): void;
  resume(): void;
  destroy(): void;
}

export interface ReaderOptions {
  readonly path?: string | undefined;
  readonly projectId?: string | undefined;
  readonly lastEventId?: string | undefined;
  /** Takes the head and then nothing. @default false */
  readonly isPaused?: boolean | undefined;
}

/** A raw HTTP/1.1 client: what it parses is exactly what was sent. */
export function openReader(
  port: number,
  { path = "/", projectId = "p1", lastEventId, isPaused = false }: ReaderOptions = {},
): StreamReader {
  const socket: Socket = connect(port, "127.0.0.1");
  const parser = createEventParser();
  const dechunk = createDechunker((bytes) => parser.push(bytes));
  let isClosed = false;
  socket.on("data", dechunk.push);
  socket.on("close", () => {
    isClosed = true;
  });
  socket.on("error", () => {});
  const cursor = lastEventId === undefined ? "" : `Last-Event-ID: ${lastEventId}\r\n`;
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nX-Test-Project: ${projectId}\r\n${cursor}\r\n`);
  if (isPaused) socket.pause();
  return {
    parser,
    head: dechunk.head,
    isClosed: () => isClosed || dechunk.isDone(),
    seqs: () => parser.events.filter(({ type }) => type === "message").map(({ data }) => (JSON.parse(data) as { seq: number }).seq),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    destroy: () => void socket.destroy(),
  };
}

function createDechunker(onBody: (bytes: Uint8Array) => void) {
  let rest: Buffer = Buffer.alloc(0);
  let head: string | null = null;
  let isDone = false;
  function push(bytes: Buffer): void {
    rest = Buffer.concat([rest, bytes]);
    if (head === null) {
      const end = rest.indexOf("\r\n\r\n");
      if (end === -1) return;
      head = rest.subarray(0, end).toString("latin1");
      rest = rest.subarray(end + 4);
    }
    if (!/transfer-encoding: chunked/i.test(head)) return;
    for (;;) {
      const end = rest.indexOf("\r\n");
      const size = end === -1 ? Number.NaN : Number.parseInt(rest.subarray(0, end).toString("latin1"), 16);
      if (size === 0) isDone = true;
      if (Number.isNaN(size) || size === 0 || rest.length < end + 2 + size + 2) return;
      onBody(rest.subarray(end + 2, end + 2 + size));
      rest = rest.subarray(end + 2 + size + 2);
    }
  }
  return { push, head: () => head ?? "", isDone: () => isDone };
}

/** Waits until `isTrue`, checking every few milliseconds. */
export async function until(isTrue: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadlineMs = Date.now() + timeoutMs;
  while (!isTrue()) {
    if (Date.now() > deadlineMs) throw new Error(`not true within ${timeoutMs} ms: ${isTrue}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
