// The plugins in a real client that sends to a real server.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serve } from "@hono/node-server";
import express from "express";
import { Hono } from "hono";
import pino from "pino";
import { expect, onTestFinished, test } from "vitest";
import { createExpressMiddleware } from "../express.ts";
import { createCuittyClient } from "../node/index.ts";
import type { CuittyPlugin } from "../plugin.ts";
import { createFaultServer, type FaultServerOptions } from "../testing.ts";
import { auditPlugin } from "./audit.ts";
import { costsPlugin } from "./costs.ts";
import { enrichmentPlugin } from "./enrichment.ts";
import { errorsPlugin } from "./errors.ts";
import { cuittyStream, logsPlugin } from "./logs.ts";
import { redactionPlugin } from "./redaction.ts";
import { repositoryPlugin } from "./repository.ts";
import { samplingPlugin } from "./sampling.ts";

async function start(plugins: readonly CuittyPlugin[] = [], options?: FaultServerOptions) {
  const server = await createFaultServer(options);
  onTestFinished(() => server.close());
  const client = createCuittyClient({ portalUrl: server.url, projectId: "proj_01", apiKey: "cuitty_sk_test" });
  for (const plugin of plugins) client.use(plugin);
  client.start();
  onTestFinished(async () => void (await client.shutdown(1_000)));
  return { server, client, of: (type: string) => server.stored.filter((event) => event.type === type).map((event) => event.data) };
}

const silent = { write() {} };

test("requests of a Hono app arrive as audit events through the client's own middleware, the first one too", async () => {
  const { client, of } = await start([
    auditPlugin({ actor: (record) => (record.context as { req: { header(name: string): string } }).req.header("x-user") }),
  ]);
  const app = new Hono();
  app.use("*", client.honoMiddleware());
  app.get("/notes/:id", (c) => c.text("note"));
  await app.request("/notes/1?token=secret", { headers: { "x-user": "alice", "user-agent": "check/1" } });
  await app.request("/notes/2");
  await app.request("/api/ingest", { method: "POST" });
  await app.request("/nowhere");
  await client.flush();
  expect(of("audit")).toMatchObject([
    {
      actor: "alice",
      action: "GET /notes/:id",
      resource: "/notes/1",
      method: "GET",
      path: "/notes/1",
      statusCode: 200,
      userAgent: "check/1",
    },
    { actor: "anonymous", action: "GET /notes/:id", statusCode: 200 },
    { action: "GET /nowhere", statusCode: 404 },
  ]);
  expect(of("audit")).toHaveLength(3);
  expect(JSON.stringify(of("audit"))).not.toContain("secret");
});

test("requests of an Express app arrive as audit events", async () => {
  const { client, of } = await start([auditPlugin()]);
  const app = express().use(createExpressMiddleware(client));
  app.get("/notes/:id", (_request, response) => void response.send("note"));
  const listening = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => listening.once("listening", resolve));
  onTestFinished(() => {
    listening.closeAllConnections();
    listening.close();
  });
  await (await fetch(`http://127.0.0.1:${(listening.address() as AddressInfo).port}/notes/1`)).text();
  for (let i = 0; i < 100 && of("audit").length === 0; i += 1) await client.flush();
  expect(of("audit")).toMatchObject([{ action: "GET /notes/:id", statusCode: 200, ip: expect.stringContaining("127.0.0.1") }]);
});

test("a client that sends to its own app does not record what it sends", async () => {
  const app = new Hono();
  const listening = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
  await new Promise((resolve) => listening.once("listening", resolve));
  onTestFinished(() => void listening.close());
  const client = createCuittyClient({
    portalUrl: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`,
    projectId: "p",
    apiKey: "cuitty_sk_test",
  });
  client.use(auditPlugin()).start();
  let received = 0;
  app.use("*", client.honoMiddleware());
  app.post("/api/ingest", async (c) => {
    received += 1;
    return c.json({ accepted: 1, rejected: [] });
  });
  app.get("/", (c) => c.text("page"));
  await app.request("/");
  for (let i = 0; i < 5; i += 1) await client.flush();
  await client.shutdown();
  expect(received).toBe(1);
  expect(client.stats()).toMatchObject({ emitted: 1, sent: 1, dropped: 0 });
});

test("lines of pino arrive as log events, byte for byte, also through a stream of its own", async () => {
  const logger = pino({ base: null }, silent);
  const { client, of } = await start([logsPlugin({ logger, minLevel: "info" })]);
  const other = pino({ base: null }, pino.multistream([{ stream: silent }, { level: "warn", stream: cuittyStream(client) }]));
  logger.child({ module: "api" }).info({ requestId: "abc", html: '<b>"\u2028\u0007é😀' }, "request processed");
  logger.debug("too low");
  other.error({ n: 1.5 }, "other");
  await client.flush();
  expect(of("log")).toEqual([
    { level: "info", message: "request processed", module: "api", fields: { requestId: "abc", html: '<b>"\u2028\u0007é😀' } },
    { level: "error", message: "other", fields: { n: 1.5 } },
  ]);
});

test("redaction, sampling and enrichment see finished lines as well as events", async () => {
  const logger = pino({ base: null }, silent);
  const { client, of } = await start([
    redactionPlugin(),
    samplingPlugin({ rates: { log: 0 } }),
    enrichmentPlugin({ fields: { service: "api" } }),
    logsPlugin({ logger }),
  ]);
  logger.error({ password: "S3CRET" }, "at https://u:S3CRET@host/");
  logger.info("left out");
  client.emit({ type: "audit", data: { actor: "a", action: "b", resource: "c", metadata: { cookie: "S3CRET" } } });
  await client.flush();
  expect(of("log")).toEqual([
    { service: "api", level: "error", message: "at https://[redacted]@host/", fields: { password: "[redacted]" } },
  ]);
  expect(of("audit")).toEqual([{ service: "api", actor: "a", action: "b", resource: "c", metadata: { cookie: "[redacted]" } }]);
  expect(client.stats().drops).toEqual({ plugin: { log: 1 } });
});

test("what is summed up leaves with flush and with shutdown", async () => {
  const costs = costsPlugin();
  const errors = errorsPlugin({ captureUncaught: false });
  const { client, of } = await start([costs, errors]);
  costs.track({ provider: "openai", service: "gpt", amount: "0.1" });
  await client.flush();
  expect(of("cost")).toMatchObject([{ amount: 0.1, currency: "USD" }]);
  costs.track({ provider: "openai", service: "gpt", amount: "0.2" });
  for (let i = 0; i < 3; i += 1) errors.captureException(new Error("again"), { fingerprint: "x" });
  await client.shutdown();
  expect(of("cost")).toMatchObject([{ amount: 0.1 }, { amount: 0.2 }]);
  expect(of("error").map(({ repeats }) => repeats)).toEqual([undefined, 2]);
});

test("a plugin that throws in every hook is counted, switched off after 10 throws, and harms nobody", async () => {
  let calls = 0;
  const fail = () => {
    calls += 1;
    throw new Error("plugin");
  };
  const bad: CuittyPlugin = { name: "bad", setup: fail, request: fail, flush: fail, teardown: fail };
  const { client, of } = await start([bad, auditPlugin()]);
  const app = new Hono();
  app.use("*", client.honoMiddleware());
  app.get("/", (c) => c.text("fine"));
  for (let i = 0; i < 20; i += 1) expect(await (await app.request("/")).text()).toBe("fine");
  await client.shutdown();
  expect(calls).toBe(10);
  expect(client.stats().pluginErrors).toBe(10);
  expect(of("audit")).toHaveLength(20);
});

test("commits are remembered as sent only when the server has them", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cuitty-plugins-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@example.com", ...args], { cwd: folder, encoding: "utf8" }).trim();
  git("init", "-q");
  for (const message of ["one", "two"]) git("commit", "-q", "--allow-empty", "-m", message);
  const statePath = join(folder, "sent.json");
  const send = async (options?: FaultServerOptions) => {
    const repository = repositoryPlugin({ path: folder, statePath });
    const { client, of } = await start([repository], options);
    await repository.remembered();
    await client.shutdown();
    return of("repository").map(({ message }) => message);
  };
  expect(await send({ fault: () => ({ status: 400 }) })).toEqual([]);
  expect(existsSync(statePath)).toBe(false);
  expect(await send()).toEqual(["one", "two"]);
  expect(existsSync(statePath)).toBe(true);
  git("commit", "-q", "--allow-empty", "-m", "three");
  expect(await send()).toEqual(["three"]);
  expect(await send()).toEqual([]);
});
