// The OpenAPI document is one that tools accept, and it names every route.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { logs } from "@cuitty/server-kit/logs";
import { Type } from "@sinclair/typebox";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningKit, startKit } from "./running-kit.ts";

let running: RunningKit;
let folder: string;
beforeAll(async () => {
  running = await startKit();
  folder = await mkdtemp(join(tmpdir(), "cuitty-openapi-"));
});
afterAll(async () => {
  await running.close();
  await rm(folder, { recursive: true, force: true });
});

test("redocly finds nothing wrong with the published document", async () => {
  const response = await fetch(`${running.url}/api/openapi.json`);
  expect(response.headers.get("content-type")).toBe("application/json");
  const path = join(folder, "openapi.json");
  await writeFile(path, await response.text());
  const redocly = resolve(import.meta.dirname, "../../../node_modules/.bin/redocly");
  const env = { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
  const { stdout, stderr } = await promisify(execFile)(redocly, ["lint", path, "--format=json"], { env, cwd: folder }).catch(
    (error) => error,
  );
  const { totals, problems } = JSON.parse(stdout || `{"totals":{"errors":1,"warnings":0},"problems":${JSON.stringify(stderr)}}`);
  expect({ totals, problems }).toMatchObject({ totals: { errors: 0, warnings: 0 } });
}, 60_000);

test("answers of routes with a body are documented, and any other failure as a problem", () => {
  const document = running.kit.openapi() as { paths: Record<string, Record<string, { responses: Record<string, unknown> }>> };
  expect(Object.keys(document.paths["/api/projects"]?.post?.responses ?? {})).toEqual(
    expect.arrayContaining(["201", "400", "401", "403", "404", "408", "409", "413", "415", "503", "default"]),
  );
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, { responses }] of Object.entries(operations)) {
      expect(responses.default, `${method} ${path}`).toMatchObject({ content: { "application/problem+json": {} } });
    }
  }
});

test("every route of the kit is in the document", async () => {
  const document = running.kit.openapi() as { paths: Record<string, Record<string, unknown>> };
  for (const { route, path } of running.kit.routes) expect(Object.keys(document.paths[path] ?? {})).toContain(route.method.toLowerCase());
  for (const path of ["/api/ingest", "/api/health", "/api/stream", "/api/modules/audit/stream"]) expect(document.paths[path]).toBeDefined();
});

test("parameters of a path without a schema are documented as texts, and streams by the name of their module", async () => {
  const route = { method: "GET", summary: "s", action: "read", reply: Type.Any(), handle: async () => null } as const;
  const streams = logs().streams ?? [];
  const modules = [
    {
      ...logs(),
      basePath: "/api/a/x",
      routes: [{ ...route, path: "/{id}/{seq}", operationId: "one", params: Type.Object({ seq: Type.Integer() }) }],
    },
    {
      ...logs(),
      name: "more",
      accepts: {},
      basePath: "/api/b/x",
      routes: [],
      streams: streams.map((source) => ({ ...source, topic: "more" })),
    },
  ];
  const own = await startKit({ modules });
  const { paths } = own.kit.openapi() as { paths: Record<string, { get: { operationId: string; parameters: unknown } }> };
  await own.close();
  expect(paths["/api/a/x/{id}/{seq}"]?.get.parameters).toEqual([
    { name: "seq", in: "path", required: true, schema: { type: "integer" } },
    { name: "id", in: "path", required: true, schema: { type: "string" } },
  ]);
  expect([paths["/api/a/x/stream"]?.get.operationId, paths["/api/b/x/stream"]?.get.operationId]).toEqual(["streamLogs", "streamMore"]);
});
