// Every route against every kind of key, generated from the route table: a new route is in here without a word.
import type { Authorizer, Subject } from "@cuitty/server-kit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningKit, sendEvents, startKit } from "./running-kit.ts";

let running: RunningKit;
let offsetMs = 0;
const keys: Record<string, string> = {};
let otherProjectId = "";
let keyId = "";

const call = (method: string, path: string, key: string | undefined, body?: unknown): Promise<Response> =>
  fetch(running.url + path, {
    method,
    headers: {
      ...(key === undefined ? undefined : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? undefined : { "content-type": "application/json" }),
    },
    ...(body === undefined ? undefined : { body: JSON.stringify(body) }),
  });

async function makeKey(projectId: string, body: Record<string, unknown>): Promise<{ id: string; key: string }> {
  const response = await call("POST", `/api/projects/${projectId}/keys`, running.apiKey, body);
  expect(response.status).toBe(201);
  return (await response.json()) as { id: string; key: string };
}

beforeAll(async () => {
  running = await startKit({ clock: () => Date.now() + offsetMs });
  const other = (await (await call("POST", "/api/projects", running.apiKey, { name: "Other" })).json()) as { id: string };
  otherProjectId = other.id;
  keys.ingestOnly = (await makeKey(running.projectId, { scopes: ["ingest"] })).key;
  keys.otherProject = (await makeKey(otherProjectId, { scopes: ["ingest", "read", "keys"] })).key;
  const revoked = await makeKey(running.projectId, { scopes: ["ingest", "read", "keys"] });
  keys.revoked = revoked.key;
  expect((await call("DELETE", `/api/projects/${running.projectId}/keys/${revoked.id}`, running.apiKey)).status).toBe(204);
  keys.expired = (
    await makeKey(running.projectId, { scopes: ["ingest", "read", "keys"], expiresAt: new Date(Date.now() + 3_600_000).toISOString() })
  ).key;
  keyId = (await makeKey(running.projectId, { name: "spare" })).id;
  offsetMs = 2 * 3_600_000;
});
afterAll(() => running.close());

interface Target {
  readonly method: string;
  /** With the project and key of `running`. */
  readonly path: () => string;
  readonly action: string;
  readonly isProject: boolean;
}

/** The table is the same for every kit with these modules, so that names can be made before a kit runs. */
async function targets(): Promise<readonly Target[]> {
  const kit = await startKit();
  const table = kit.kit.routes.map(({ route, path, module }) => ({
    method: route.method,
    path: () => path.replace("{id}", module === null ? running.projectId : "018f3c5a-7b1c-7def-8abc-0123456789ab").replace("{kid}", keyId),
    action: route.action,
    isProject: path.includes("/projects/{id}"),
    name: `${route.method} ${path}`,
  }));
  await kit.close();
  return table;
}

const table = (await targets()) as readonly (Target & { readonly name: string })[];

describe.each(table)("$name", ({ method, path, action, isProject }) => {
  const body = method === "GET" || method === "DELETE" ? undefined : { name: "x" };
  const status = async (key: string | undefined): Promise<number> => (await call(method, path(), key, body)).status;

  test("no key: 401", async () => expect(await status(undefined)).toBe(401));
  test("a revoked key: 401", async () => expect(await status(keys.revoked)).toBe(401));
  test("an expired key: 401", async () => expect(await status(keys.expired)).toBe(401));
  test("an ingest-only key: 403", async () => expect(await status(keys.ingestOnly)).toBe(403));
  test("another project's key: 404 for the project, 403 for what needs admin", async () => {
    const found = await status(keys.otherProject);
    if (isProject) expect(found).toBe(404);
    else if (action === "admin") expect(found).toBe(403);
    // Reads are of the key's own project, whatever the path: nothing of this one is in them.
    else expect([200, 404]).toContain(found);
  });
});

test("the right key gets through every route", async () => {
  const order = ["GET", "POST", "PATCH", "DELETE"];
  const bodies: Record<string, unknown> = {
    createProject: { name: "Third" },
    createKey: { name: "k" },
    updateProject: { name: "Renamed" },
  };
  const routes = [...running.kit.routes].sort((a, b) => order.indexOf(a.route.method) - order.indexOf(b.route.method));
  for (const { route, path, module } of routes) {
    if (route.operationId === "deleteProject" || route.operationId === "revokeKey") continue;
    const target = path
      .replace("{id}", module === null ? running.projectId : "018f3c5a-7b1c-7def-8abc-0123456789ab")
      .replace("{kid}", keyId);
    const body = route.method === "GET" ? undefined : (bodies[route.operationId] ?? {});
    const { status } = await call(route.method, target, running.apiKey, body);
    expect([200, 201, module !== null && path.includes("{id}") ? 404 : 200], `${route.method} ${target}`).toContain(status);
  }
});

describe("ingest", () => {
  const event = { type: "log", ts: "2026-04-27T12:34:56Z", data: { level: "info", message: "hi" } };
  const status = async (key: string): Promise<number> => (await sendEvents(running, [event], { key, secret: key })).status;

  test("needs a live key with the scope ingest", async () => {
    const readOnly = (await makeKey(running.projectId, { scopes: ["read"] })).key;
    expect(await status(keys.ingestOnly as string)).toBe(200);
    expect(await status(readOnly)).toBe(403);
    expect(await status(keys.revoked as string)).toBe(401);
    expect(await status(keys.expired as string)).toBe(401);
  });

  test("what one project sends is not in another's reads or streams", async () => {
    const sent = await sendEvents(running, [{ ...event, data: { level: "info", message: "only mine" } }], { secret: running.apiKey });
    expect(sent.status).toBe(200);
    const mine = await (await call("GET", "/api/modules/logs/events", running.apiKey)).text();
    const theirs = await (await call("GET", "/api/modules/logs/events", keys.otherProject)).text();
    expect(mine).toContain("only mine");
    expect(theirs).not.toContain("only mine");
    const stream = await call("GET", "/api/stream?topics=logs", keys.ingestOnly);
    expect(stream.status).toBe(403);
  });
});

describe("a session of another organization", () => {
  const event = { type: "log", ts: "2026-04-27T12:34:56Z", data: { level: "info", message: "planted" } };

  const hidden = [404, "not_found"];
  const all: Authorizer = { authorize: () => ({ effect: "allow" }), list: () => "all" };

  test.each([
    ["names the project in a header", undefined],
    ["is allowed everything by the authorizer", all],
  ])("that %s finds nothing there, signed or not", async (_name, authorizer) => {
    let organizationId = "another";
    const authenticate = async (): Promise<Subject> => {
      return { id: "user_1", kind: "user", projectId: null, organizationId, scopes: ["ingest", "read"] };
    };
    const own = await startKit({ signaturePolicy: "optional", authenticate, ...(authorizer && { authorizer }) });
    const ask = async (method: string, path: string, headers: Record<string, string> = {}): Promise<unknown> => {
      const reply = await fetch(own.url + path, {
        method,
        headers: { "content-type": "application/json", "x-project-id": own.projectId, ...headers },
        ...(method === "POST" ? { body: JSON.stringify({ events: [event] }) } : undefined),
      });
      return reply.status === 200 ? 200 : [reply.status, ((await reply.json()) as { code: string }).code];
    };
    try {
      expect(await ask("POST", "/api/ingest")).toEqual(hidden);
      expect(await ask("POST", "/api/ingest", { "x-cuitty-signature": "0" })).toEqual(hidden);
      expect(await ask("GET", "/api/modules/logs/events")).toEqual(hidden);
      expect(await own.kit.eventIds("logs", own.projectId)).toEqual([]);
      organizationId = own.kit.identity.projects.get(own.projectId)?.organizationId ?? "";
      expect(await ask("POST", "/api/ingest")).toBe(200);
    } finally {
      await own.close();
    }
  });
});

test("a session that the app itself binds to the project is of it, whatever the app calls its organization", async () => {
  const authenticate = async (): Promise<Subject> => {
    return { id: "user_1", kind: "user", projectId: own.projectId, organizationId: "our customers", scopes: ["ingest", "read"] };
  };
  const own = await startKit({ signaturePolicy: "optional", authenticate });
  try {
    const events = [{ type: "log", ts: "2026-04-27T12:34:56Z", data: { level: "info", message: "hello" } }];
    const headers = { "content-type": "application/json" };
    const sent = await fetch(`${own.url}/api/ingest`, { method: "POST", headers, body: JSON.stringify({ events }) });
    expect(await sent.json()).toEqual({ accepted: 1, rejected: [] });
    expect(await (await fetch(`${own.url}/api/modules/logs/events`)).text()).toContain("hello");
    const stream = await fetch(`${own.url}/api/stream?topics=logs`);
    expect(stream.status).toBe(200);
    await stream.body?.cancel();
    const another = await fetch(`${own.url}/api/modules/logs/events`, { headers: { "x-project-id": "another" } });
    expect(another.ok).toBe(false);
  } finally {
    await own.close();
  }
});

test("an admin key of another organization sees nothing of this one", async () => {
  const other = await startKit();
  try {
    expect((await call("GET", `/api/projects/${running.projectId}`, other.apiKey)).status).toBe(401);
    const stranger = {
      id: "user_1",
      kind: "user",
      projectId: null,
      organizationId: "another",
      scopes: ["ingest", "read", "keys", "admin"],
    } as const;
    const calls = running.kit.api.kit;
    await expect(calls.getProject(stranger, { params: { id: running.projectId } })).rejects.toMatchObject({ code: "not_found" });
    await expect(calls.listKeys(stranger, { params: { id: running.projectId } })).rejects.toMatchObject({ code: "not_found" });
  } finally {
    await other.close();
  }
});
