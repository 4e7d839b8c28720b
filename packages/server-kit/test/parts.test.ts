// A route of your own made of the parts, in Hono and in Express: no kit, only what each part takes.
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ModuleRegistry, makeKey, openModules, type Subject, staticKeys, staticSecrets, systemRandom } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import * as inExpress from "@cuitty/server-kit/express";
import * as inHono from "@cuitty/server-kit/hono";
import { logs } from "@cuitty/server-kit/logs";
import { signBody } from "@cuitty/wire-protocol/signature";
import { getRequestListener } from "@hono/node-server";
import express, { type ErrorRequestHandler } from "express";
import { Hono, type MiddlewareHandler } from "hono";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createEventParser } from "../src/sse/test-tools/event-parser.ts";
import { until } from "../src/sse/test-tools/stream-server.ts";

const secret = "whsec_0123456789abcdef0123456789abcdef";
const full = makeKey("sk", systemRandom);
const readOnly = makeKey("sk");
const ingestOnly = makeKey("sk", systemRandom);
const keys = staticKeys([
  { key: full.key, projectId: "shop", scopes: ["ingest", "read"] },
  { key: readOnly.key, projectId: "shop", scopes: ["read"] },
  { key: ingestOnly.key, projectId: "shop", scopes: ["ingest"] },
]);
const secrets = staticSecrets([{ projectId: "shop", secrets: [secret] }]);

// A session of the bakers: bound to no project, it names one in a header.
const session = {
  authenticate: async (): Promise<Subject> => ({
    id: "u1",
    kind: "user",
    projectId: null,
    organizationId: "bakers",
    scopes: ["ingest", "read"],
  }),
};
const organizationOf = (projectId: string): string | null =>
  new Map([
    ["shop", "shopkeepers"],
    ["bakery", "bakers"],
  ]).get(projectId) ?? null;

const cookies = ["session=renewed", "theme=dark"];
const noLimits = { eventsPerSecond: Number.POSITIVE_INFINITY, batchesPerSecond: Number.POSITIVE_INFINITY };
/** What has no say is left to the others. */
const oneInTenSeconds = { eventsPerSecond: undefined, batchesPerSecond: 0.1 } as never;

/** Fails once, with what is no Error. */
function throwsText(): (_: unknown, next: () => unknown) => Promise<void> {
  let isFirst = true;
  return async (_, next) => {
    const mustFail = isFirst;
    isFirst = false;
    if (mustFail) throw "the database is down";
    await next();
  };
}

interface Ended {
  close(): void;
}

function honoApp(modules: ModuleRegistry): { listener: RequestListener; live: Ended } {
  const { authenticate, idempotency, ingest, rateLimit, readBody, routeEvents, sse, verifySignature } = inHono;
  const app = new Hono();
  const live = sse(modules);
  app.post("/telemetry", authenticate(keys), readBody(), verifySignature(secrets), idempotency(), ingest(modules));
  app.post("/telemetry-too", authenticate(keys), readBody(), verifySignature(secrets), idempotency(), ingest(modules));
  app.post("/limited", authenticate(keys), rateLimit({ batchesPerSecond: 0.2, eventsPerSecond: 0.5 }), readBody(), ingest(modules));
  app.post("/unlimited", authenticate(keys), rateLimit(noLimits), readBody(), ingest(modules));
  app.post("/overridden", authenticate(keys), rateLimit({ ...noLimits, limitsOf: () => oneInTenSeconds }), readBody(), ingest(modules));
  app.post("/thrown", authenticate(keys), readBody(), idempotency(), throwsText(), ingest(modules));
  app.post("/looked-at", authenticate(keys), readBody(), routeEvents(modules), (c) => {
    const { batch, projectId } = c.get("cuitty");
    return c.json({ projectId, valid: batch?.valid.length, rejected: batch?.rejected });
  });
  app.post("/short", authenticate(keys), ingest(modules));
  app.post("/nobody", ingest(modules));
  app.post("/misordered", authenticate(keys), verifySignature(secrets), readBody(), ingest(modules));
  app.post("/session/unknown", authenticate(keys, session), ingest(modules));
  app.post("/session/known", authenticate(keys, session), ingest(modules, { organizationOf }));
  app.get("/live/:module", authenticate(keys), live);
  const giveCookies: MiddlewareHandler = async (c, next) => {
    for (const cookie of cookies) c.header("set-cookie", cookie, { append: true });
    await next();
  };
  app.get("/live-with-cookies/:module", giveCookies, authenticate(keys), live);
  app.get("/live", authenticate(keys), live);
  app.get("/live-by-session", authenticate(keys, session), live);
  app.get("/live-by-owner", authenticate(keys, session), sse(modules, { organizationOf }));
  app.onError((error, c) => c.text(`the app's own: ${error.message}`, 500));
  return { listener: getRequestListener(app.fetch) as RequestListener, live };
}

function expressApp(modules: ModuleRegistry): { listener: RequestListener; live: Ended } {
  const { authenticate, idempotency, ingest, rateLimit, readBody, routeEvents, sse, verifySignature } = inExpress;
  const app = express().set("env", "test");
  const live = sse(modules);
  app.post("/telemetry", authenticate(keys), readBody(), verifySignature(secrets), idempotency(), ingest(modules));
  app.post("/telemetry-too", authenticate(keys), readBody(), verifySignature(secrets), idempotency(), ingest(modules));
  app.post("/limited", authenticate(keys), rateLimit({ batchesPerSecond: 0.2, eventsPerSecond: 0.5 }), readBody(), ingest(modules));
  app.post("/unlimited", authenticate(keys), rateLimit(noLimits), readBody(), ingest(modules));
  app.post("/overridden", authenticate(keys), rateLimit({ ...noLimits, limitsOf: () => oneInTenSeconds }), readBody(), ingest(modules));
  const thrown = throwsText();
  app.post("/thrown", authenticate(keys), readBody(), idempotency(), (_request, _response, next) => thrown(0, next), ingest(modules));
  app.post("/looked-at", authenticate(keys), readBody(), routeEvents(modules), (_request, response) => {
    const { batch, projectId } = response.locals.cuitty;
    response.json({ projectId, valid: batch?.valid.length, rejected: batch?.rejected });
  });
  app.post("/short", authenticate(keys), ingest(modules));
  app.post("/nobody", ingest(modules));
  app.post("/misordered", authenticate(keys), verifySignature(secrets), readBody(), ingest(modules));
  app.post("/session/unknown", authenticate(keys, session), ingest(modules));
  app.post("/session/known", authenticate(keys, session), ingest(modules, { organizationOf }));
  app.get("/live/:module", authenticate(keys), live);
  app.get(
    "/live-with-cookies/:module",
    (_request, response, next) => {
      for (const cookie of cookies) response.append("set-cookie", cookie);
      next();
    },
    authenticate(keys),
    live,
  );
  app.get("/live", authenticate(keys), live);
  app.get("/live-by-session", authenticate(keys, session), live);
  app.get("/live-by-owner", authenticate(keys, session), sse(modules, { organizationOf }));
  app.use(((error, _request, response, _next) => void response.status(500).send(`the app's own: ${error.message}`)) as ErrorRequestHandler);
  return { listener: app as RequestListener, live };
}

const event = { type: "log", ts: "2026-04-27T12:34:56Z", data: { level: "info", message: "m" } };

describe.each([
  ["Hono", honoApp],
  ["Express", expressApp],
])("a route of parts in %s", (_name, makeApp) => {
  let dataDir: string;
  let modules: ModuleRegistry;
  let server: Server;
  let live: Ended;
  let url: string;

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "cuitty-parts-"));
    modules = await openModules({ dataDir, modules: [audit(), logs()] });
    const app = makeApp(modules);
    live = app.live;
    server = createServer(app.listener);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    live.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await modules.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  function post(path: string, events: readonly unknown[], headers: Record<string, string> = {}): Promise<Response> {
    const body = new TextEncoder().encode(JSON.stringify({ events }));
    const signed = {
      authorization: `Bearer ${full.key}`,
      "content-type": "application/json",
      "x-cuitty-signature": signBody(body, secret),
    };
    return fetch(url + path, { method: "POST", body, headers: { ...signed, ...headers } });
  }

  const stored = async (): Promise<unknown> => (await modules.ofName("logs")?.file.all("SELECT count(*) FROM logs_events"))?.[0]?.[0];

  test("takes a signed batch once, whatever it is sent", async () => {
    const headers = { "x-cuitty-idempotency-key": "0b9ae1c4-3f43-4d2e-8c33-0d3b7f1f1a11" };
    const replies = [];
    for (let index = 0; index < 3; index++) replies.push(await (await post("/telemetry", [event], headers)).text());
    expect(new Set(replies)).toEqual(new Set(['{"accepted":1,"rejected":[]}']));
    expect((await post("/telemetry", [event, event], headers)).status).toBe(422);
    expect((await post("/telemetry", [event], { "x-cuitty-signature": "0".repeat(64) })).status).toBe(403);
    expect((await post("/telemetry", [event], { authorization: "Bearer nobody" })).status).toBe(401);
    expect((await post("/telemetry", [event], { authorization: `Bearer ${readOnly.key}` })).status).toBe(403);
    expect(await (await post("/telemetry", [event, { ...event, data: {} }])).json()).toMatchObject({
      accepted: 1,
      rejected: [{ index: 1 }],
    });
    expect(await stored()).toBe(2);
  });

  test("twenty at once with one key are one", async () => {
    const headers = { "x-cuitty-idempotency-key": "0b9ae1c4-3f43-4d2e-8c33-0d3b7f1f1a12" };
    const replies = await Promise.all(Array.from({ length: 20 }, async () => (await post("/telemetry", [event], headers)).text()));
    expect(new Set(replies).size).toBe(1);
    expect(await stored()).toBe(1);
  });

  test("two routes at once cannot take one key for two bodies, though each goes to another file", async () => {
    const entry = { type: "audit", ts: "2026-04-27T12:34:56Z", data: { actor: "alice@example.com", action: "a", resource: "r" } };
    const statuses = new Set<string>();
    for (let index = 0; index < 20; index++) {
      const headers = { "x-cuitty-idempotency-key": `one-key-two-routes-${index}` };
      const replies = await Promise.all([post("/telemetry", [event], headers), post("/telemetry-too", [entry], headers)]);
      statuses.add(
        replies
          .map(({ status }) => status)
          .sort()
          .join(),
      );
    }
    expect([...statuses]).toEqual(["200,422"]);
  });

  test("limits batches at once and events before they are written", async () => {
    expect((await post("/limited", [event])).status).toBe(200);
    const tooMany = await post(
      "/limited",
      Array.from({ length: 6 }, () => event),
    );
    expect([tooMany.status, (await tooMany.json()).code]).toEqual([413, "batch_exceeds_burst"]);
    const limited = await post("/limited", [event]);
    expect([limited.status, (await limited.json()).code]).toEqual([429, "rate_limited"]);
    expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await stored()).toBe(1);
  });

  test("limits may be none, and what a project's own leave out is everybody's; what is no limit is refused at once", async () => {
    for (let index = 0; index < 12; index++) expect((await post("/unlimited", [event])).status).toBe(200);
    const statuses: number[] = [];
    for (let index = 0; index < 2; index++) statuses.push((await post("/overridden", [event, event])).status);
    expect(statuses).toEqual([200, 429]);
    for (const rate of [0, 5e-324, -1, Number.NaN, "5", null]) {
      for (const make of [inHono.rateLimit, inExpress.rateLimit])
        expect(() => make({ eventsPerSecond: rate as never })).toThrow(/rateLimit\.eventsPerSecond to be a number of at least 0\.001/);
    }
    expect(() => inHono.rateLimit({ eventPerSecond: 5 } as never)).toThrow(/eventPerSecond/);
  });

  test("a handler that throws what is no Error gives its key back", async () => {
    const headers = { "x-cuitty-idempotency-key": "thrown-and-sent-again" };
    expect(
      await post("/thrown", [event], headers).then(
        ({ status }) => status,
        () => 500,
      ),
    ).toBe(500);
    expect((await post("/thrown", [event], headers)).status).toBe(200);
    expect(await stored()).toBe(1);
  });

  test("cookies of the app reach a stream's reader, all of them", async () => {
    const answer = await fetch(`${url}/live-with-cookies/logs`, { headers: { authorization: `Bearer ${full.key}` } });
    expect(answer.headers.getSetCookie()).toEqual(["session=renewed", "theme=dark"]);
    await answer.body?.cancel();
  });

  test("a handler of one's own sees what was checked, and nothing is written unless it says so", async () => {
    const answer = await post("/looked-at", [event, { ...event, type: "nonsense" }]);
    expect(await answer.json()).toMatchObject({ projectId: "shop", valid: 1, rejected: [{ index: 1, reason: "type: unknown" }] });
    expect(await stored()).toBe(0);
  });

  test("ingest reads and checks by itself, but never without a sender", async () => {
    expect((await post("/short", [event])).status).toBe(200);
    expect((await post("/nobody", [event])).status).not.toBe(200);
    expect(await stored()).toBe(1);
  });

  test("parts in an order that cannot work are an error of the app, which says what is wrong", async () => {
    const replies = [await post("/misordered", [event]), await post("/nobody", [event])];
    expect(await Promise.all(replies.map(async (reply) => [reply.status, await reply.text()]))).toEqual([
      [500, "the app's own: verifySignature must come after readBody"],
      [500, "the app's own: authorize must come after authenticate"],
    ]);
  });

  test("a session that is bound to no project may write where its organization's project is known to be, and nowhere else", async () => {
    const headers = (project: string) => ({ authorization: "Session 1", "x-project-id": project });
    for (const path of ["/session/unknown", "/session/known"]) {
      const reply = await post(path, [event], headers("shop"));
      expect([reply.status, (await reply.json()).code], path).toEqual([404, "not_found"]);
    }
    expect((await post("/session/known", [event], headers("bakery"))).status).toBe(200);
    expect((await post("/session/known", [event], headers("nowhere"))).status).toBe(404);
    expect(await stored()).toBe(1);
  });

  async function stream(path: string, key = full.key) {
    const abort = new AbortController();
    const response = await fetch(url + path, { headers: { authorization: `Bearer ${key}` }, signal: abort.signal });
    const parser = createEventParser();
    const ended = (async () => {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) parser.push(chunk);
    })().catch(() => {});
    return { response, parser, ended, stop: () => abort.abort() };
  }

  test("streams one module, all of them, and nothing that is not there", async () => {
    const [one, all] = [await stream("/live/logs"), await stream("/live?after=0")];
    await post("/telemetry", [event]);
    await post("/telemetry", [{ type: "audit", ts: event.ts, data: { actor: "a", action: "b", resource: "c" } }]);
    await until(() => one.parser.events.length === 1 && all.parser.events.length === 2);
    expect(one.parser.events[0]?.id).toBe("logs:1");
    expect(all.parser.events.map(({ data }) => JSON.parse(data).type).sort()).toEqual(["audit", "log"]);
    one.stop();
    live.close();
    await all.ended;
    expect((await fetch(`${url}/live/secrets`, { headers: { authorization: `Bearer ${full.key}` } })).status).toBe(404);
    expect((await fetch(`${url}/live/logs`)).status).toBe(401);
  });

  test("a topic that is not here is told to readers only", async () => {
    for (const path of ["/live/logs?topics=nope", "/live?topics=nope"]) {
      expect((await fetch(url + path, { headers: { authorization: `Bearer ${ingestOnly.key}` } })).status).toBe(403);
      const told = await fetch(url + path, { headers: { authorization: `Bearer ${full.key}` } });
      expect([told.status, (await told.json()).detail]).toEqual([400, expect.stringMatching(/expected some of .*logs/)]);
    }
  });

  test("a session reads the projects of its organization, and those only that somebody knows", async () => {
    const head = async (path: string, projectId: string): Promise<number> =>
      (await fetch(url + path, { method: "HEAD", headers: { "x-project-id": projectId } })).status;
    expect(await Promise.all(["shop", "bakery", "nobodys"].map((id) => head("/live-by-owner", id)))).toEqual([404, 200, 404]);
    expect(await head("/live-by-session", "bakery")).toBe(404);
  });

  test("HEAD of a stream is its head at once", async () => {
    const answer = await fetch(`${url}/live/logs`, { method: "HEAD", headers: { authorization: `Bearer ${full.key}` } });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
    expect((await fetch(`${url}/live/logs`, { method: "HEAD" })).status).toBe(401);
  });
});
