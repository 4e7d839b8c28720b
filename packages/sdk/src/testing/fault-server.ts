// A real HTTP server that takes events as an ingest endpoint does and fails as it is told to: for tests of a client's life in a bad network.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An event as it arrived. */
export interface StoredEvent {
  readonly id: string;
  readonly type: string;
  readonly ts: string;
  readonly data: Record<string, unknown>;
}

/** A request as it arrived. */
export interface SeenRequest {
  /** 1 for the first request of the server's life. */
  readonly number: number;
  readonly key: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Bytes as sent, before decompression. */
  readonly wire: Uint8Array;
  readonly events: readonly StoredEvent[];
}

/**
 * What goes wrong with a request. `reset`: the connection ends and nothing is stored. `lose_ack`: stored, then the connection ends. `hang`: no reply.
 * `half_reply`: stored, half of the reply. `garbage`: 200 with an HTML page, nothing stored. A status: that reply, nothing stored.
 */
export type Fault =
  | "reset"
  | "lose_ack"
  | "hang"
  | "half_reply"
  | "garbage"
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string };

export interface FaultServerOptions {
  /** Asked for each request; undefined lets it through. */
  readonly fault?: ((request: SeenRequest) => Fault | undefined) | undefined;
  /** Reason to refuse one event; undefined takes it. */
  readonly refuse?: ((event: StoredEvent) => string | undefined) | undefined;
  /** @default a free one */
  readonly port?: number | undefined;
}

/** A server that fails as told, and what it saw. */
export interface FaultServer {
  /** For `portalUrl`. */
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  /** Events that are stored, each once. */
  readonly stored: readonly StoredEvent[];
  /** What a correct client never does: a key with other bytes, an event id stored twice under two keys. */
  readonly violations: readonly string[];
  close(): Promise<void>;
}

/** Starts a server on the loopback interface. */
export async function createFaultServer(options: FaultServerOptions = {}): Promise<FaultServer> {
  // Not imported: the recorder beside it also runs in pages, whose bundlers must not meet what only Node and Bun have.
  const { createServer } = process.getBuiltinModule("node:http");
  const store = createStore(options);
  const requests: SeenRequest[] = [];
  const server = createServer((request, response) => {
    read(request)
      .then((wire) => {
        const seen = see(request, wire, requests.length + 1);
        requests.push(seen);
        answer(seen, response, options.fault?.(seen), store.take);
      })
      // What cannot be read is what a real server answers with 400.
      .catch(() => response.writeHead(400).end('{"code":"invalid_json"}'));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    stored: store.stored,
    violations: store.violations,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function createStore({ refuse }: FaultServerOptions) {
  const stored: StoredEvent[] = [];
  const violations: string[] = [];
  const ids = new Set<string>();
  const batches = new Map<string, { readonly wire: Uint8Array; readonly reply: string }>();

  function take({ key, wire, events }: SeenRequest): string {
    const known = batches.get(key);
    if (known) {
      if (!Buffer.from(known.wire).equals(wire)) violations.push(`key ${key} came with other bytes`);
      return known.reply;
    }
    const rejected: { index: number; reason: string }[] = [];
    events.forEach((event, index) => {
      const reason = refuse?.(event);
      if (reason !== undefined) rejected.push({ index, reason });
      else if (ids.has(event.id)) violations.push(`event ${event.id} came under two keys`);
      else {
        ids.add(event.id);
        stored.push(event);
      }
    });
    const reply = JSON.stringify({ accepted: events.length - rejected.length, rejected });
    batches.set(key, { wire, reply });
    return reply;
  }

  return { stored, violations, take };
}

function answer(seen: SeenRequest, response: ServerResponse, fault: Fault | undefined, take: (seen: SeenRequest) => string): void {
  if (typeof fault === "object") {
    response.writeHead(fault.status, fault.headers).end(fault.body ?? "");
    return;
  }
  if (fault === "hang") return;
  if (fault === "garbage") {
    response.end("<!doctype html><title>Sign in to this network</title>");
    return;
  }
  const reply = fault === "reset" ? "" : take(seen);
  if (fault === "half_reply") {
    response.writeHead(200, { "Content-Length": reply.length }).write(reply.slice(0, 5));
    setTimeout(() => response.destroy(), 5);
  } else if (fault) response.destroy();
  else response.setHeader("Content-Type", "application/json").end(reply);
}

function see(request: IncomingMessage, wire: Buffer, number: number): SeenRequest {
  const { headers } = request;
  const { gunzipSync } = process.getBuiltinModule("node:zlib");
  const body = headers["content-encoding"] === "gzip" ? gunzipSync(wire) : wire;
  const { events } = JSON.parse(body.toString()) as { events: StoredEvent[] };
  return { number, key: String(headers["x-cuitty-idempotency-key"]), headers, wire, events };
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
