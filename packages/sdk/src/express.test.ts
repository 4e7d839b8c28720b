// The Express middleware against a real server: patterns of nested routers, errors, clients that leave.
import { request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type ErrorRequestHandler } from "express";
import { expect, onTestFinished, test } from "vitest";
import { createExpressMiddleware } from "./express.ts";
import type { RequestRecord } from "./plugin.ts";

async function start(configure: (app: express.Express) => void = () => {}) {
  const records: RequestRecord[] = [];
  let wake = () => {};
  const app = express();
  app.use(
    createExpressMiddleware({
      recordRequest: (record) => {
        records.push(record);
        wake();
      },
      flush: async () => undefined,
    }),
  );
  configure(app);
  const notes = express.Router({ mergeParams: true });
  notes.get("/", (_request, response) => void response.send("all"));
  notes.get("/:id", (request, response) => void response.send(request.params.id));
  notes.delete("/:id", () => {
    throw Object.assign(new Error("gone"), { status: 410 });
  });
  app.use("/orgs/:org/notes", notes);
  app.use(
    "/plain/:org",
    express.Router().get("/notes/:id", (_request, response) => void response.send("plain")),
  );
  app.get("/slow", () => {});
  app.get(/^\/file-(\d+)$/, (_request, response) => void response.send("file"));
  app.get(["/a", "/b"], (_request, response) => void response.send("either"));
  app.use(((error, _request, response, _next) => void response.status(error.status ?? 500).end()) as ErrorRequestHandler);

  const server = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const first = async (): Promise<RequestRecord> => {
    if (records.length === 0)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    return records[0]!;
  };
  return { url, records, first };
}

test.each([
  ["GET", "/orgs/acme/notes/7?token=secret", "/orgs/:org/notes/:id", 200],
  ["GET", "/orgs/acme/notes", "/orgs/:org/notes", 200],
  ["GET", "/orgs/a%20b/notes/7", "/orgs/:org/notes/:id", 200],
  ["DELETE", "/orgs/acme/notes/7", "/orgs/:org/notes/:id", 410],
  ["GET", "/plain/acme/notes/7", "/plain/:org/notes/:id", 200],
  ["GET", "/b", "/a|/b", 200],
  ["GET", "/file-12", "/^\\/file-(\\d+)$/", 200],
  ["GET", "/nowhere", undefined, 404],
])("%s %s is recorded as route %s with status %i", async (method, target, route, statusCode) => {
  const { url, first } = await start();
  const response = await fetch(url + target, { method });
  await response.text();
  expect(response.status).toBe(statusCode);
  const record = await first();
  expect(record).toMatchObject({
    method,
    path: target.split("?")[0],
    statusCode,
    ip: expect.stringContaining("127.0.0.1"),
    isAborted: false,
  });
  expect(record.route).toBe(route);
  expect(JSON.stringify({ ...record, context: undefined })).not.toContain("secret");
});

test("a client that hangs up before the answer is recorded with 499", async () => {
  const { url, first } = await start();
  const request = httpRequest(`${url}/slow`).on("error", () => {});
  request.end();
  setTimeout(() => request.destroy(), 50);
  expect(await first()).toMatchObject({ path: "/slow", route: "/slow", statusCode: 499, isAborted: true });
});

test("routing still reads and writes the request as it did", async () => {
  const { url } = await start((app) => {
    app.get(
      "/seen/:id",
      (request, response) =>
        void response.json({ route: request.route.path, params: request.params, keys: Object.keys(request).includes("route") }),
    );
  });
  expect(await (await fetch(`${url}/seen/7`)).json()).toEqual({ route: "/seen/:id", params: { id: "7" }, keys: true });
});

test("the address follows the app's own trust proxy setting", async () => {
  const { url, first } = await start((app) => app.set("trust proxy", true));
  await (await fetch(`${url}/a`, { headers: { "x-forwarded-for": "203.0.113.5" } })).text();
  expect(await first()).toMatchObject({ ip: "203.0.113.5" });
});
