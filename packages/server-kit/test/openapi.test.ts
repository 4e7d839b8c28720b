// The OpenAPI document is one that tools accept, and it names every route.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { CuittyModule } from "@cuitty/server-kit";
import { logs } from "@cuitty/server-kit/logs";
import { type TSchema, Type } from "@sinclair/typebox";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningKit, startKit } from "./running-kit.ts";

interface Schema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly const?: string;
}

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

test("schemas of one name and different content are components of their own, and references lead to what they name", async () => {
  const route = { method: "GET", summary: "s", action: "read", handle: async () => null } as const;
  const tree = Type.Recursive((This) => Type.Object({ children: Type.Array(This) }));
  const linked = Type.Module({
    Node: Type.Object({ next: Type.Optional(Type.Ref("Node")), leaf: Type.Ref("Leaf") }),
    Leaf: Type.Integer(),
  });
  const moduleOf = (name: string, accepts: CuittyModule["accepts"], replies: Record<string, TSchema>): CuittyModule => ({
    name,
    accepts,
    migrations: [],
    retention: [],
    ingest: () => ({ statements: [] }),
    routes: Object.entries(replies).map(([operationId, reply]) => ({ ...route, path: `/${operationId}`, operationId, reply })),
  });
  const own = await startKit({
    modules: [
      moduleOf(
        "one",
        { a_b: Type.Object({ x: Type.Integer() }), project: Type.Object({ p: Type.Null() }, { $id: "Project" }) },
        {
          problemOfOne: Type.Object({ mine: Type.String() }, { $id: "Problem" }),
          itemOfOne: Type.Object({ one: Type.String() }, { $id: "Item" }),
          again: Type.Array(Type.Object({ one: Type.String() }, { $id: "Item" })),
          odd: Type.Object({ $id: Type.String(), default: Type.Object({ d: Type.Null() }, { $id: "my/d" }), properties: Type.Boolean() }),
          tree,
          linked: linked.Import("Node"),
        },
      ),
      moduleOf("two", { aB: Type.Object({ y: Type.Integer() }) }, { itemOfTwo: Type.Object({ two: Type.String() }, { $id: "Item" }) }),
    ],
  });
  const document = own.kit.openapi() as {
    paths: Record<string, Record<string, { responses: Record<string, { content: Record<string, { schema: Schema }> }> }>>;
    components: { schemas: Record<string, Schema> };
  };
  await own.close();
  const { schemas } = document.components;
  const at = ({ $ref = "" }: Schema): Schema => schemas[$ref.replace("#/components/schemas/", "")] as Schema;
  const replyOf = (module: string, id: string): Schema =>
    document.paths[`/api/modules/${module}/${id}`]?.get?.responses["200"]?.content["application/json"]?.schema as Schema;
  expect(Object.keys(at(replyOf("one", "problemOfOne")).properties ?? {})).toEqual(["mine"]);
  expect(Object.keys(schemas.Problem?.properties ?? {})).toContain("detail");
  expect(Object.keys(schemas.Project?.properties ?? {})).toContain("createdAt");
  expect(Object.keys(at(replyOf("one", "itemOfOne")).properties ?? {})).toEqual(["one"]);
  expect(replyOf("one", "again").items).toEqual(replyOf("one", "itemOfOne"));
  expect(Object.keys(at(replyOf("two", "itemOfTwo")).properties ?? {})).toEqual(["two"]);
  const { $id, default: other } = replyOf("one", "odd").properties ?? {};
  expect([$id, at(other as Schema)]).toEqual([{ type: "string" }, expect.objectContaining({ type: "object" })]);
  const treeReply = replyOf("one", "tree");
  expect(at(treeReply).properties?.children?.items).toEqual(treeReply);
  const node = replyOf("one", "linked");
  expect([at(node).properties?.next, at(at(node).properties?.leaf as Schema)]).toEqual([node, { type: "integer" }]);
  const events = schemas.Event?.oneOf ?? [];
  const named = events.map((event) => [
    at(event).properties?.type?.const,
    Object.keys(at(at(event).properties?.data as Schema).properties ?? {}),
  ]);
  expect(named).toEqual([
    ["a_b", ["x"]],
    ["project", ["p"]],
    ["aB", ["y"]],
  ]);
  expect(Object.keys(schemas).filter((name) => !/^[A-Za-z0-9._-]+$/.test(name))).toEqual([]);
});
