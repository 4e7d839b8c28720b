// The Hono middleware against real apps: routes, errors, streams, execution contexts, addresses.
import { serve } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { basicAuth } from "hono/basic-auth";
import { HTTPException } from "hono/http-exception";
import { stream } from "hono/streaming";
import { expect, test } from "vitest";
import { createHonoMiddleware, type HonoMiddlewareOptions } from "./hono.ts";
import type { RequestRecord } from "./plugin.ts";

function recorded(options?: HonoMiddlewareOptions) {
  const records: RequestRecord[] = [];
  let flushes = 0;
  const middleware = createHonoMiddleware(
    {
      recordRequest: (record) => records.push(record),
      flush: async () => {
        flushes += 1;
      },
    },
    options,
  );
  return { records, middleware, flushes: () => flushes };
}

function notesApp(options?: HonoMiddlewareOptions) {
  const seen = recorded(options);
  const app = new Hono();
  app.use("*", seen.middleware);
  const notes = new Hono();
  notes.get("/:id", (c) => c.text(c.req.param("id")));
  notes.post("/", (c) => c.json({}, 201));
  app.route("/api/notes", notes);
  app.use("/admin/*", basicAuth({ username: "u", password: "p" }));
  app.get("/admin/keys/:key", (c) => c.text("key"));
  app.get("/boom", () => {
    throw new Error("boom");
  });
  app.get("/teapot", () => {
    throw new HTTPException(418);
  });
  app.get("/odd", () => {
    throw "no error object";
  });
  app.all("/any/:thing", (c) => c.text("any"));
  app.get("*", async (c, next) => (c.req.path === "/static/app.js" ? c.text("js") : next()));
  return { app, ...seen };
}

test.each([
  ["GET", "/api/notes/7?token=secret", "/api/notes/:id", 200],
  ["POST", "/api/notes", "/api/notes", 201],
  ["HEAD", "/api/notes/7", "/api/notes/:id", 200],
  ["GET", "/admin/keys/3", "/admin/keys/:key", 401],
  ["GET", "/boom", "/boom", 500],
  ["GET", "/teapot", "/teapot", 418],
  ["PUT", "/any/thing", "/any/:thing", 200],
  ["PUT", "/nowhere/7", undefined, 404],
  ["GET", "/static/app.js", undefined, 200],
  ["GET", "/nowhere/7", undefined, 404],
])("%s %s is recorded as route %s with status %i", async (method, target, route, statusCode) => {
  const { app, records } = notesApp();
  const response = await app.request(target, { method });
  expect(response.status).toBe(statusCode);
  expect(records).toMatchObject([{ method, path: target.split("?")[0], statusCode }]);
  expect(records[0]?.route).toBe(route);
  expect(JSON.stringify({ ...records[0], context: undefined })).not.toContain("secret");
  expect(records[0]?.durationMs).toBeGreaterThanOrEqual(0);
});

test("what a handler throws reaches the caller unchanged", async () => {
  const { app, records } = notesApp();
  await expect(app.request("/odd")).rejects.toBe("no error object");
  expect(records).toMatchObject([{ path: "/odd", route: "/odd", statusCode: 500 }]);
});

test("an error handler's own status is what is recorded", async () => {
  const { app, records } = notesApp();
  app.onError((_error, c) => c.text("sorry", 503));
  expect((await app.request("/boom")).status).toBe(503);
  expect(records).toMatchObject([{ statusCode: 503 }]);
});

test("a stream is passed on while it is written, and recorded once it began", async () => {
  const { app, records } = notesApp();
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  app.get("/feed/:topic", (c) =>
    stream(c, async (out) => {
      await out.write("first,");
      await gate;
      await out.write("second");
    }),
  );
  const response = await app.request("/feed/x");
  expect(records).toHaveLength(1);
  const reader = response.body!.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("first,");
  release();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("second");
});

test("an execution context is asked to wait for the flush, and without one nothing is flushed", async () => {
  const { app, flushes } = notesApp();
  await app.request("/api/notes/7");
  expect(flushes()).toBe(0);
  const waiting: Promise<unknown>[] = [];
  const executionContext = { waitUntil: (promise: Promise<unknown>) => waiting.push(promise), passThroughOnException() {}, props: {} };
  await app.request("/api/notes/7", {}, {}, executionContext);
  expect(waiting).toHaveLength(1);
  expect(flushes()).toBe(1);
});

test("the address is the connection's on Node, whatever a client claims, unless proxies are trusted", async () => {
  const over = async (options?: HonoMiddlewareOptions) => {
    const { app, records } = notesApp(options);
    const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    const headers = { "x-forwarded-for": "198.51.100.9, 203.0.113.5, 10.0.0.2", "user-agent": "check/1" };
    await (await fetch(`http://127.0.0.1:${port}/api/notes/7`, { headers })).text();
    await new Promise((resolve) => server.close(resolve));
    return records[0];
  };
  expect(await over()).toMatchObject({ ip: "127.0.0.1", userAgent: "check/1" });
  expect(await over({ trustedProxies: 2 })).toMatchObject({ ip: "203.0.113.5" });
  expect(await over({ ip: (c: Context) => c.req.header("x-forwarded-for")?.split(",")[0] })).toMatchObject({ ip: "198.51.100.9" });
});

test("an ip option that throws costs the address, not the record", async () => {
  const { app, records } = notesApp({
    ip: () => {
      throw new Error("no address");
    },
  });
  await app.request("/api/notes/7");
  expect(records).toMatchObject([{ route: "/api/notes/:id", statusCode: 200 }]);
});

test("a recorder or an option that throws does not reach the app", async () => {
  const app = new Hono();
  const fail = () => {
    throw new Error("ours");
  };
  app.use("*", createHonoMiddleware({ recordRequest: fail, flush: fail as never }, { ip: fail }));
  app.get("/", (c) => c.text("fine"));
  expect(await (await app.request("/")).text()).toBe("fine");
});
