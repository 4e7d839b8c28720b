// openapi.yaml is what the schemas say, today, and describes every documented payload.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { openapiYaml } from "../scripts/openapi-document.ts";

const committed = readFileSync(new URL("../openapi.yaml", import.meta.url), "utf8");

test("openapi.yaml has not drifted from the schemas; run scripts/generate-openapi.ts if this fails", () => {
  expect(committed).toBe(openapiYaml());
});

test("it has the endpoints, every status and every event type", () => {
  const document = parse(committed) as {
    openapi: string;
    paths: Record<string, Record<string, { responses: object; security: unknown[] }>>;
    components: { schemas: Record<string, { oneOf?: unknown[] }> };
  };
  expect(document.openapi).toBe("3.1.0");
  expect(Object.keys(document.paths["/api/ingest"]?.post?.responses ?? {})).toEqual([
    "200",
    "400",
    "401",
    "403",
    "408",
    "409",
    "413",
    "415",
    "422",
    "429",
    "503",
  ]);
  expect(document.paths["/api/health"]?.get?.security).toEqual([]);
  expect(document.components.schemas.Event?.oneOf).toHaveLength(13);
  for (const reference of committed.matchAll(/#\/components\/(\w+)\/(\w+)/g)) {
    const [, kind = "", name = ""] = reference;
    expect((document.components as unknown as Record<string, Record<string, unknown>>)[kind]?.[name], reference[0]).toBeDefined();
  }
});
