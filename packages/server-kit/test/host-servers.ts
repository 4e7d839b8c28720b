// The same kit in every host that it can be mounted in, each on a loopback port of its own.
import { createServer, type RequestListener } from "node:http";
import { type ClientHttp2Session, connect, createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { createServerKit, type ServerKit } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import { kitMiddleware } from "@cuitty/server-kit/express";
import { mountKit } from "@cuitty/server-kit/hono";
import { logs } from "@cuitty/server-kit/logs";
import { nodeHandler, serve } from "@cuitty/server-kit/node";
import { getRequestListener } from "@hono/node-server";
import express from "express";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";

/** What a host does with a body before the kit sees it: nothing, keeps its bytes, or spends them. */
export type BodyFate = "untouched" | "kept" | "kept-unless-coded" | "spent";

export interface Host {
  readonly name: string;
  /** Before `/api` in the path. */
  readonly prefix: string;
  readonly body: BodyFate;
  readonly isHttp2: boolean;
  /** @default no server: the kit's own fetch */
  readonly listen?: (kit: ServerKit) => Promise<RunningHost>;
}

export interface RunningHost {
  readonly port: number;
  close(): Promise<void>;
}

async function listen(listener: RequestListener): Promise<RunningHost> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listenHttp2(listener: RequestListener): Promise<RunningHost> {
  const server = createHttp2Server(listener as never);
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const session of sessions) session.destroy();
      }),
  };
}

const honoListener = (app: Hono): RequestListener => getRequestListener(app.fetch) as RequestListener;

type HonoSetUp = (app: Hono) => void;

const hono =
  (before: HonoSetUp = () => {}) =>
  (kit: ServerKit): Promise<RunningHost> => {
    const app = new Hono();
    before(app);
    mountKit(app, kit);
    app.all("/api/own", (c) => c.text("the app's own"));
    return listen(honoListener(app));
  };

type ExpressSetUp = (app: express.Express, kit: ServerKit) => void;

const expressApp =
  (before: ExpressSetUp, mountPath = "") =>
  (kit: ServerKit): Promise<RunningHost> => {
    const app = express().set("env", "test");
    before(app, kit);
    if (mountPath === "") app.use(kitMiddleware(kit));
    else app.use(mountPath, kitMiddleware(kit));
    app.all("/telemetry/api/own", (_request, response) => void response.send("the app's own"));
    app.all("/api/own", (_request, response) => void response.send("the app's own"));
    return listen(app as RequestListener);
  };

const keepRawBody = (request: object, _response: unknown, bytes: Buffer): void => {
  (request as { rawBody?: Buffer }).rawBody = bytes;
};

const plain = { prefix: "", body: "untouched", isHttp2: false } as const;

export const hosts: readonly Host[] = [
  { ...plain, name: "fetch" },
  { ...plain, name: "Hono", listen: hono() },
  {
    ...plain,
    name: "Hono, in a sub-app",
    prefix: "/v1/shop",
    listen: (kit) => {
      const sub = new Hono();
      mountKit(sub, kit);
      const app = new Hono().route("/v1/:tenant", sub);
      app.all("/v1/shop/api/own", (c) => c.text("the app's own"));
      return listen(honoListener(app));
    },
  },
  {
    ...plain,
    name: "Hono, after bodyLimit(), with the globals that Hono's server installs",
    listen: async (kit) => {
      const globals = { Request: globalThis.Request, Response: globalThis.Response };
      const app = new Hono().use(bodyLimit({ maxSize: 20 * 1024 * 1024 }));
      mountKit(app, kit);
      app.all("/api/own", (c) => c.text("the app's own"));
      const running = await listen(getRequestListener(app.fetch) as RequestListener);
      return {
        port: running.port,
        async close() {
          await running.close();
          for (const [name, value] of Object.entries(globals))
            Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
        },
      };
    },
  },
  {
    ...plain,
    name: "Hono, after a middleware that looked at the raw body",
    listen: hono((app) =>
      app.use(async (c, next) => {
        void c.req.raw.body;
        await next();
      }),
    ),
  },
  {
    ...plain,
    name: "Hono, its fetch mounted",
    prefix: "/m",
    listen: (kit) => {
      const app = new Hono();
      app.all("/m/api/own", (c) => c.text("the app's own"));
      app.mount("/m", kit.fetch as (request: Request) => Promise<Response>);
      return listen(honoListener(app));
    },
  },
  {
    ...plain,
    name: "Hono, after a middleware that read json()",
    body: "kept",
    listen: hono((app) =>
      app.use(async (c, next) => {
        await c.req.json().catch(() => null);
        await next();
      }),
    ),
  },
  {
    ...plain,
    name: "Hono, after a middleware that read arrayBuffer()",
    body: "kept",
    listen: hono((app) =>
      app.use(async (c, next) => {
        await c.req.arrayBuffer();
        await next();
      }),
    ),
  },
  {
    ...plain,
    name: "Hono, after a middleware that read the raw request",
    body: "spent",
    listen: hono((app) =>
      app.use(async (c, next) => {
        await c.req.raw.text();
        await next();
      }),
    ),
  },
  { ...plain, name: "Express", listen: expressApp(() => {}) },
  { ...plain, name: "Express, mounted at a path", prefix: "/telemetry", listen: expressApp(() => {}, "/telemetry") },
  { ...plain, name: "Express, mounted at /api", listen: expressApp(() => {}, "/api") },
  {
    ...plain,
    name: "Express, parsers after the kit",
    listen: expressApp((app, kit) => {
      app.use(kitMiddleware(kit));
      app.use(express.json());
    }),
  },
  { ...plain, name: "Express, express.json() first", body: "spent", listen: expressApp((app) => app.use(express.json({ limit: "20mb" }))) },
  {
    ...plain,
    name: "Express, express.raw() first",
    body: "kept-unless-coded",
    listen: expressApp((app) => app.use(express.raw({ type: "*/*", limit: "20mb" }))),
  },
  {
    ...plain,
    name: "Express, express.json() with a verify hook first",
    body: "kept-unless-coded",
    listen: expressApp((app) => app.use(express.json({ limit: "20mb", verify: keepRawBody }))),
  },
  {
    ...plain,
    name: "Express, express.text() first",
    body: "spent",
    listen: expressApp((app) => app.use(express.text({ type: "*/*", limit: "20mb" }))),
  },
  { ...plain, name: "node:http", listen: (kit) => listen(nodeHandler(kit, ownFallback)) },
  {
    ...plain,
    name: "serve()",
    listen: async (kit) => {
      const server = await serve(nodeHandler(kit, ownFallback), { port: 0 });
      return { port: server.port, close: () => server.close(0) };
    },
  },
  { ...plain, name: "node:http2", isHttp2: true, listen: (kit) => listenHttp2(nodeHandler(kit, ownFallback)) },
  {
    ...plain,
    name: "Hono over HTTP/2",
    isHttp2: true,
    listen: (kit) => {
      const app = new Hono();
      mountKit(app, kit);
      app.all("/api/own", (c) => c.text("the app's own"));
      return listenHttp2(honoListener(app));
    },
  },
];

const ownFallback: RequestListener = (_incoming, outgoing) => void outgoing.end("the app's own");

export async function openKit(dataDir: string): Promise<{ kit: ServerKit; apiKey: string; webhookSecret: string; projectId: string }> {
  const kit = (await createServerKit({
    dataDir,
    modules: [audit(), logs()],
    minFreeBytes: 0,
    environment: {},
    onFault: () => {},
    limits: { batchesPerSecond: 10_000, eventsPerSecond: 100_000 },
  })) as ServerKit;
  const { apiKey, webhookSecret, projectId } = await kit.bootstrap({ email: "ops@example.com", organization: "Acme" });
  return { kit, apiKey, webhookSecret, projectId };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export interface Sending {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Without Content-Length, in two pieces. @default false */
  readonly isChunked?: boolean;
}

/** One way to send to all hosts. */
export async function sendTo(host: Host, running: RunningHost | null, kit: ServerKit, sending: Sending): Promise<Answer> {
  if (host.isHttp2 && running !== null) return sendHttp2(running.port, sending);
  const { method = "GET", headers, body, isChunked = false } = sending;
  const init: RequestInit = { method, ...(headers ? { headers } : {}), ...(body ? { body: isChunked ? inPieces(body) : body } : {}) };
  if (isChunked) Object.assign(init, { duplex: "half" });
  const url = `http://127.0.0.1:${running?.port ?? 80}${host.prefix}${sending.path}`;
  const response = running === null ? await kit.fetch(new Request(url, init)) : await fetch(url, init);
  return { status: response.status, headers: response.headers, body: await response.text() };
}

function inPieces(body: Uint8Array): ReadableStream<Uint8Array> {
  const half = Math.floor(body.length / 2);
  return new ReadableStream({
    start(controller) {
      controller.enqueue(body.subarray(0, half));
      controller.enqueue(body.subarray(half));
      controller.close();
    },
  });
}

async function sendHttp2(port: number, { method = "GET", path, headers = {}, body }: Sending): Promise<Answer> {
  const session: ClientHttp2Session = connect(`http://127.0.0.1:${port}`);
  try {
    return await new Promise<Answer>((resolve, reject) => {
      session.on("error", reject);
      const stream = session.request({ ":method": method, ":path": path, ...headers });
      const answer = { status: 0, headers: new Headers(), body: "" };
      stream.on("response", (given) => {
        answer.status = Number(given[":status"]);
        for (const [name, value] of Object.entries(given)) if (!name.startsWith(":")) answer.headers.set(name, String(value));
      });
      stream.setEncoding("utf8");
      stream.on("data", (text: string) => {
        answer.body += text;
      });
      stream.on("end", () => resolve(answer));
      stream.on("error", reject);
      stream.end(body);
    });
  } finally {
    session.destroy();
  }
}
