import { type TSchema, Type } from "@sinclair/typebox";
import { afterEach, describe, expect, test } from "vitest";
import { defineModule } from "../../module.ts";
import { defineRoute } from "../../route.ts";
import { type TestKit, testKit } from "../../testing/test-kit.ts";
import { audit } from "../audit/audit.ts";
import { logs } from "../logs/logs.ts";
import { performance } from "../performance/performance.ts";
import { repository } from "../repository/repository.ts";

let kit: TestKit;
afterEach(() => kit.close());

async function answer(path: string): Promise<unknown> {
  const { status, body } = await kit.get(path);
  const { code, detail } = body as { code?: string; detail?: string };
  return status === 200 ? status : `${status} ${code} ${detail}`;
}

describe("query names of the modules' routes", () => {
  test("that a route does not know are refused, and named", async () => {
    kit = await testKit({ modules: [audit(), logs(), performance(), repository()] });
    for (const path of ["audit/events", "audit/events/x", "audit/verify", "logs/events", "performance/events", "repository/events"]) {
      for (const name of ["foo", "Limit", "__proto__", "constructor"]) {
        expect(await answer(`/api/modules/${path}?${name}=1`), path).toBe(`400 invalid_request query.${name}: Unexpected property`);
      }
    }
    expect(await answer("/api/modules/logs/events?foo=1&foo=2")).toBe("400 invalid_request query.foo: Unexpected property");
    expect(await answer("/api/modules/logs/events?limit=3&service=a")).toBe(200);
    expect(await answer("/api/modules/audit/verify")).toBe(200);
  });

  const routeWith = (query: TSchema) =>
    defineRoute({
      method: "GET",
      path: "/x",
      operationId: "x",
      summary: "What it was given",
      action: "read",
      query,
      reply: Type.Any(),
      handle: async (context) => context.query,
    });
  const ofNotes = (query: TSchema) =>
    defineModule({
      name: "notes",
      accepts: {},
      migrations: [],
      retention: [],
      ingest: () => ({ statements: [] }),
      routes: [routeWith(query)],
    });
  const open = Type.Object({ a: Type.Optional(Type.String()) });
  const closed = Type.Object({ b: Type.Optional(Type.String()) }, { additionalProperties: false });

  test.each([
    ["an object", closed],
    ["an intersection", Type.Intersect([open, Type.Object({})], { unevaluatedProperties: false })],
    ["a union", Type.Union([closed, Type.Object({ c: Type.String() }, { additionalProperties: false })])],
    ["an import", Type.Module({ Closed: closed }).Import("Closed")],
  ])("are refused by a closed schema of one's own: %s", async (_, query) => {
    kit = await testKit({ modules: [ofNotes(query)] });
    expect(await answer("/api/modules/notes/x?unknown=1")).toMatch(/^400 invalid_request query/);
    expect(await answer("/api/modules/notes/x")).toBe(200);
  });

  test.each([
    ["an object", open],
    ["a union with an open one", Type.Union([closed, open])],
  ])("do not reach the handler of an open one: %s", async (_, query) => {
    kit = await testKit({ modules: [ofNotes(query)] });
    expect((await kit.get("/api/modules/notes/x?unknown=1&a=2")).body).toEqual({ a: "2" });
  });
});

describe("values of the logs' query", () => {
  test("`q` where search is off says so, whether typed into a URL or given to a direct call", async () => {
    kit = await testKit({ modules: [logs()] });
    expect(await answer("/api/modules/logs/events?q=timeout")).toMatch(/^400 invalid_request q: search is off.*logs\(\{ search: true \}\)/);
  });

  test("a level without a place in the order is answered with those that have one", async () => {
    kit = await testKit({ modules: [logs({ search: true })] });
    const choices = "expected one of trace, debug, info, warn, error, fatal";
    expect(await answer("/api/modules/logs/events?minLevel=bogus")).toBe(`400 invalid_request minLevel: ${choices}, got "bogus"`);
    expect(await answer("/api/modules/logs/events?q=level%3E%3Dbogus")).toBe(`400 invalid_request q: level>=: ${choices}, got "bogus"`);
    expect(await answer("/api/modules/logs/events?minLevel=warn")).toBe(200);
    const { paths } = kit.kit.openapi() as { paths: Record<string, { get: { parameters: { name: string; schema: object }[] } }> };
    const parameters = paths["/api/modules/logs/events"]?.get.parameters;
    expect(parameters?.find(({ name }) => name === "minLevel")?.schema).toMatchObject({
      enum: ["trace", "debug", "info", "warn", "error", "fatal"],
    });
  });
});
