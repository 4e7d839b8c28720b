// @hono/node-server 2 replaces the global Response unless it is told not to; a stream has to live with both.
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { mountKit } from "@cuitty/server-kit/hono";
import { logs } from "@cuitty/server-kit/logs";
import { testKit } from "@cuitty/server-kit/testing";
import { getRequestListener } from "@hono/node-server";
import { Hono, type MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import { expect, test } from "vitest";

const platformResponse = globalThis.Response;
const toBottom: MiddlewareHandler = async (c, next) => {
  await next();
  c.res.headers.set("x-app", "yes");
};

test.each([
  ["replaced", {}, []],
  ["replaced, with a middleware before", {}, [cors()]],
  ["replaced, with a middleware behind", {}, [toBottom]],
  ["left alone", { overrideGlobalObjects: false }, []],
])("a stream stays open and hears of events where the globals are %s", async (_, options, middleware) => {
  const { kit, credentials, ingest, close } = await testKit({ modules: [logs()] });
  const app = new Hono();
  for (const each of middleware) app.use(each);
  mountKit(app, kit);
  const server = createServer(getRequestListener(app.fetch, options) as RequestListener).listen(0, "127.0.0.1");
  try {
    await new Promise((resolve) => server.once("listening", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/stream?topics=logs`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${credentials.apiKey}` } });
    expect(response.status).toBe(200);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    let text = "";
    let isSent = false;
    while (!text.includes("heard")) {
      const { done, value } = await reader.read();
      expect(done, text).toBe(false);
      text += decoder.decode(value, { stream: true });
      if (!isSent) await ingest([{ type: "log", ts: "2026-04-27T12:34:56Z", data: { level: "info", message: "heard" } }]);
      isSent = true;
    }
    expect(text).not.toContain("Cannot write headers");
    await reader.cancel();
  } finally {
    Object.defineProperty(globalThis, "Response", { value: platformResponse });
    server.closeAllConnections();
    server.close();
    await close();
  }
});
