// The audit plugin: what an event holds, what it leaves out, who the actor is.
import { Value } from "@sinclair/typebox/value";
import { expect, test } from "vitest";
import { auditSchema } from "../../../wire-protocol/src/events/audit.ts";
import { type AuditPluginOptions, auditPlugin } from "./audit.ts";
import { createPluginHarness, exampleRequest, testPlugin } from "./plugin-suite.ts";

testPlugin({
  file: "audit",
  create: () => auditPlugin(),
  trigger: (plugin) => plugin.request?.(exampleRequest),
  expected: {
    type: "audit",
    data: {
      actor: "anonymous",
      action: "PUT /notes/:id",
      resource: "/notes/7",
      method: "PUT",
      path: "/notes/7",
      statusCode: 200,
      duration: 32.25,
      ip: "203.0.113.5",
      userAgent: "curl/8.0",
    },
  },
});

async function audited(options: AuditPluginOptions, record = exampleRequest, portalUrl = "http://127.0.0.1:7700") {
  const harness = createPluginHarness({ portalUrl });
  const plugin = auditPlugin(options);
  plugin.setup?.(harness.context);
  plugin.request?.(record);
  await new Promise((resolve) => setImmediate(resolve));
  return harness.events;
}

test("the event is valid on the wire and is dated by the start of the request", async () => {
  const [event] = await audited({});
  expect(Value.Check(auditSchema, event?.data)).toBe(true);
  expect(event?.ts).toBe("2026-04-27T12:34:56.000Z");
});

test("an actor may be resolved from the record, at once or later", async () => {
  expect((await audited({ actor: (record) => `user of ${record.path}` }))[0]?.data.actor).toBe("user of /notes/7");
  expect((await audited({ actor: async () => "alice@example.com" }))[0]?.data.actor).toBe("alice@example.com");
});

test.each<[string, AuditPluginOptions["actor"]]>([
  [
    "throws",
    () => {
      throw new Error("no session");
    },
  ],
  [
    "rejects",
    async () => {
      throw new Error("no session");
    },
  ],
  ["is empty", () => ""],
  ["is null", () => null],
])("an actor resolver that %s is recorded as anonymous", async (_name, actor) => {
  expect(await audited({ actor })).toMatchObject([{ data: { actor: "anonymous" } }]);
});

test("without a route the action names the path", async () => {
  expect((await audited({}, { ...exampleRequest, route: undefined }))[0]?.data.action).toBe("PUT /notes/7");
});

test("the client's own ingest requests are left out, also under a base path, and nothing that only looks like them", async () => {
  const at = (path: string) => ({ ...exampleRequest, path });
  expect(await audited({}, at("/api/ingest"))).toEqual([]);
  expect(await audited({}, at("/telemetry/api/ingest"), "https://app.example.com/telemetry/")).toEqual([]);
  expect(await audited({}, at("/api/ingest-rules"))).toHaveLength(1);
  expect(await audited({}, at("/api/ingest"), "https://app.example.com/telemetry")).toHaveLength(1);
});

test("skip, action, resource and metadata are the app's to choose", async () => {
  expect(await audited({ skip: (record) => record.path === "/notes/7" })).toEqual([]);
  const [event] = await audited({ action: () => "note.write", resource: () => "note:7", metadata: () => ({ plan: "team" }) });
  expect(event?.data).toMatchObject({ action: "note.write", resource: "note:7", metadata: { plan: "team" } });
});

test("a client that went away is marked", async () => {
  const [event] = await audited({}, { ...exampleRequest, statusCode: 499, isAborted: true });
  expect(event?.data).toMatchObject({ statusCode: 499, metadata: { aborted: true } });
});

test("metadata that throws after an async actor is no unhandled rejection", async () => {
  const failing = () => {
    throw new Error("no metadata");
  };
  expect(await audited({ actor: async () => "alice", metadata: failing })).toEqual([]);
});
