// Projects, keys and secrets over the documented routes.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { auditEvent, type RunningKit, sendEvents, startKit } from "./running-kit.ts";

let running: RunningKit;
let offsetMs = 0;
beforeAll(async () => {
  running = await startKit({ signaturePolicy: "required", clock: () => Date.now() + offsetMs });
});
afterAll(() => running.close());

async function call(
  method: string,
  path: string,
  body?: unknown,
  key = running.apiKey,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${running.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body === undefined ? undefined : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? {} : JSON.parse(text) };
}

const audits = (): unknown[] =>
  running.kit.identity.driver
    .prepare("SELECT action, credential_id, details FROM audit_logs ORDER BY created_at, id")
    .all()
    .map(([action]) => action);

/** The key that `bootstrap` made. */
function firstKeyOf({ kit, projectId }: RunningKit): { readonly organizationId: string; readonly keyId: string } {
  const [record] = kit.identity.keys.list(projectId);
  if (record === undefined) throw new Error("no key was made");
  return { organizationId: record.organizationId, keyId: record.id };
}

describe("bootstrap", () => {
  test("works once", async () => {
    await expect(running.kit.bootstrap({ email: "x@example.com", organization: "Again" })).rejects.toMatchObject({
      code: "already_bootstrapped",
    });
  });

  test.each([
    [{ signaturePolicy: "no" }, "invalid_option", /signaturePolicy.*required, optional, extended/],
    [{ signaturePolicy: null }, "invalid_option", /signaturePolicy/],
    [{ project: " " }, "invalid_option", /project/],
    [{ organization: 7 }, "invalid_option", /organization/],
    [{ email: "ops" }, "invalid_option", /email/],
    [{ signaturePolice: "required" }, "unknown_option", /"signaturePolice".*signaturePolicy/],
  ])("refuses %j with %s", async (options, code, message) => {
    const given = { email: "x@example.com", organization: "Again", ...options } as never;
    await expect(running.kit.bootstrap(given)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test("stores neither key nor secret in clear", async () => {
    const { driver } = running.kit.identity;
    const dump = ["api_keys", "project_secrets", "audit_logs", "projects"]
      .flatMap((table) => driver.prepare(`SELECT * FROM ${table}`).all())
      .map((row) => row.map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : String(value))).join("|"))
      .join("\n");
    expect(dump).not.toContain(running.apiKey);
    expect(dump).not.toContain(running.apiKey.slice(22, 54));
    expect(dump).not.toContain(running.webhookSecret);
  });
});

describe("projects", () => {
  test("create, list, read, update and soft-delete", async () => {
    const made = await call("POST", "/api/projects", { name: "Web shop" });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ name: "Web shop", slug: "web-shop", signaturePolicy: "required" });
    expect(made.body.webhookSecret).toMatch(/^whsec_[0-9A-Za-z]{40}$/);
    const path = `/api/projects/${made.body.id}`;
    expect((await call("GET", path)).body).not.toHaveProperty("webhookSecret");
    expect((await call("PATCH", path, { name: "Shop", limits: { eventsPerSecond: 5 } })).body).toMatchObject({
      name: "Shop",
      limits: { eventsPerSecond: 5 },
    });
    const { key } = (await call("POST", `${path}/keys`, {})).body as { key: string };
    expect((await call("GET", "/api/modules/logs/events", undefined, key)).status).toBe(200);
    expect((await call("DELETE", path)).status).toBe(204);
    expect((await call("GET", path)).status).toBe(404);
    expect((await call("GET", "/api/modules/logs/events", undefined, key)).status).toBe(401);
    const listed = (await call("GET", "/api/projects")).body as { projects: { id: string }[]; nextCursor: string | null };
    expect(listed.projects.map(({ id }) => id)).toEqual([running.projectId]);
    expect(audits()).toEqual(expect.arrayContaining(["project_created", "project_updated", "project_deleted"]));
    expect((await call("POST", "/api/projects", { name: "Web shop" })).body.slug).toBe("web-shop");
  });

  test("of an organization that is not here cannot be made", async () => {
    const stranger = { id: "user_1", kind: "user", projectId: null, organizationId: "another", scopes: ["admin"] } as const;
    const making = running.kit.api.kit.createProject(stranger, { body: { name: "Lost" } });
    await expect(making).rejects.toMatchObject({ code: "not_found", message: expect.stringContaining("system.db") });
  });

  test("lists in pages", async () => {
    for (let index = 0; index < 4; index += 1) await call("POST", "/api/projects", { name: `Page ${index}` });
    const ids: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const { body } = await call("GET", `/api/projects?limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`);
      ids.push(...(body.projects as { id: string }[]).map(({ id }) => id));
      cursor = body.nextCursor as string | null;
    }
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThanOrEqual(5);
  });

  test("refuse a cursor that is made up, or of another list or organization", async () => {
    const other = await startKit();
    try {
      const { organizationId, keyId } = firstKeyOf(other);
      const subject = { id: keyId, kind: "api_key", projectId: null, organizationId, scopes: ["read", "admin"] } as const;
      await other.kit.api.kit.createProject(subject, { body: { name: "Second" } });
      const theirs = (await other.kit.api.kit.listProjects(subject, { query: { limit: 1 } })) as { nextCursor: string };
      await sendEvents(running, [auditEvent(), auditEvent()]);
      const events = (await call("GET", "/api/modules/audit/events?limit=1")).body as { nextCursor: string };
      for (const cursor of ["garbage", running.projectId, "", theirs.nextCursor, events.nextCursor]) {
        const { status, body } = await call("GET", `/api/projects?cursor=${cursor}`);
        expect([status, body.code], cursor).toEqual([400, "invalid_cursor"]);
      }
    } finally {
      await other.close();
    }
  });

  test.each(["1.5", "true", "0x10", "0", "501", "", "ten"])("a page of %j is refused", async (limit) => {
    const { status, body } = await call("GET", `/api/projects?limit=${limit}`);
    expect([status, body.code, (body.errors as { path: string }[])[0]?.path]).toEqual([400, "invalid_request", "query.limit"]);
  });

  test.each([
    [{ name: "" }, "body.name"],
    [{ name: "x", colour: "red" }, "body.colour"],
    [{ name: "x", limits: { eventsPerSecond: -1 } }, "body.limits.eventsPerSecond"],
  ])("refuses %j and names the field", async (body, path) => {
    const reply = await call("POST", "/api/projects", body);
    expect(reply.status).toBe(400);
    expect(reply.body.code).toBe("invalid_request");
    expect((reply.body.errors as { path: string }[])[0]?.path).toBe(path);
  });
});

describe("keys", () => {
  const path = () => `/api/projects/${running.projectId}/keys`;

  test("are listed without their text and revoked at once", async () => {
    const made = (await call("POST", path(), { name: "CI", scopes: ["ingest"] })).body as { id: string; key: string; last4: string };
    expect(made.key).toMatch(/^cuitty_sk_[0-9A-Za-z]{50}$/);
    const listed = (await call("GET", path())).body as { keys: { id: string; last4: string }[] };
    expect(JSON.stringify(listed)).not.toContain(made.key);
    expect(listed.keys.find(({ id }) => id === made.id)?.last4).toBe(made.key.slice(-4));
    expect((await sendEvents(running, [auditEvent()], { key: made.key })).status).toBe(200);
    expect((await call("DELETE", `${path()}/${made.id}`)).status).toBe(204);
    expect((await sendEvents(running, [auditEvent()], { key: made.key })).status).toBe(401);
    expect((await call("DELETE", `${path()}/${made.id}`)).status).toBe(204);
    expect((await call("DELETE", `${path()}/key_unknown`)).status).toBe(404);
    expect(audits()).toEqual(expect.arrayContaining(["created", "revoked"]));
  });

  test.each(["+010000-01-01T00:00:00Z", "foo 2099", "2099-02-31T00:00:00Z", "2099-01-01", "2001-01-01T00:00:00Z"])(
    "that end at %j are not made",
    async (expiresAt) => {
      const path = `/api/projects/${running.projectId}/keys`;
      const before = (await call("GET", path)).body;
      expect(await call("POST", path, { expiresAt })).toMatchObject({ status: 400, body: { code: "invalid_request" } });
      expect(await call("GET", path)).toEqual({ status: 200, body: before });
    },
  );

  test("times of a list are RFC 3339 or Unix milliseconds", async () => {
    const statusOf = async (since: string) => (await call("GET", `/api/modules/audit/events?since=${encodeURIComponent(since)}`)).status;
    expect(await Promise.all(["2026-04-27T12:34:56Z", "1777293296000"].map(statusOf))).toEqual([200, 200]);
    expect(await Promise.all(["foo 1", "Jan 1", "2026-02-31T00:00:00Z", "2026-04-27"].map(statusOf))).toEqual([400, 400, 400, 400]);
  });

  test("rotate at once, or with a grace period", async () => {
    const rotate = async (graceSeconds?: number) => {
      const made = (await call("POST", path(), {})).body as { id: string; key: string };
      const reply = await call("POST", `${path()}/${made.id}/rotate`, graceSeconds === undefined ? undefined : { graceSeconds });
      expect(reply.status).toBe(201);
      return { old: made, fresh: reply.body as { id: string; key: string } };
    };
    const works = async (key: string) => (await sendEvents(running, [auditEvent()], { key })).status === 200;
    const now = await rotate();
    expect([await works(now.old.key), await works(now.fresh.key)]).toEqual([false, true]);
    const later = await rotate(60);
    expect([await works(later.old.key), await works(later.fresh.key)]).toEqual([true, true]);
    offsetMs += 61_000;
    expect([await works(later.old.key), await works(later.fresh.key)]).toEqual([false, true]);
    const listed = (await call("GET", path())).body as { keys: { id: string; rotatedToId: string | null }[] };
    expect(listed.keys.find(({ id }) => id === later.old.id)?.rotatedToId).toBe(later.fresh.id);
    expect((await call("POST", `${path()}/${later.old.id}/rotate`)).status).toBe(409);
  });

  test("a body that is nested deeper than any request needs is refused before anything goes down into it", async () => {
    const scopes = `${"[".repeat(60_000)}${"]".repeat(60_000)}`;
    const headers = { authorization: `Bearer ${running.apiKey}`, "content-type": "application/json" };
    for (const body of [`{"scopes":${scopes}}`, `{"scopes":["read",${scopes}]}`, `${'{"name":'.repeat(20_000)}1${"}".repeat(20_000)}`]) {
      const response = await fetch(`${running.url}/api/projects/${running.projectId}/keys`, { method: "POST", headers, body });
      expect([response.status, await response.json()]).toEqual([
        400,
        expect.objectContaining({ code: "invalid_request", detail: "body: nested deeper than 64 levels" }),
      ]);
    }
    expect(running.faults).toEqual([]);
  });

  test("nobody grants more than he has", async () => {
    const { key } = (await call("POST", path(), { scopes: ["keys", "ingest"] })).body as { key: string };
    expect((await call("POST", path(), { scopes: ["ingest"] }, key)).status).toBe(201);
    expect((await call("POST", path(), { scopes: ["read"] }, key)).status).toBe(403);
    expect((await call("POST", path(), { scopes: ["admin"] }, key)).status).toBe(403);
  });

  test("nobody takes away more than he has", async () => {
    const weak = (await call("POST", path(), { scopes: ["keys"] })).body as { key: string };
    const strong = (await call("POST", path(), { scopes: ["admin"] })).body as { id: string; key: string };
    const same = (await call("POST", path(), { scopes: ["keys"] })).body as { id: string };
    const refused = await call("DELETE", `${path()}/${strong.id}`, undefined, weak.key);
    expect([refused.status, refused.body.code]).toEqual([403, "insufficient_scope"]);
    expect((await call("GET", "/api/projects", undefined, strong.key)).status).toBe(200);
    expect((await call("DELETE", `${path()}/${same.id}`, undefined, weak.key)).status).toBe(204);
    expect((await call("DELETE", `${path()}/${strong.id}`, undefined, strong.key)).status).toBe(204);
  });

  test("the last one with admin stays, and so does its project", async () => {
    const own = await startKit();
    const { organizationId, keyId } = firstKeyOf(own);
    const subject = { id: keyId, kind: "api_key", projectId: null, organizationId, scopes: ["ingest", "read", "keys", "admin"] } as const;
    const { createKey, createProject, deleteProject, revokeKey, rotateKey } = own.kit.api.kit;
    const params = { id: own.projectId, kid: keyId };
    const conflict = { code: "conflict", message: expect.stringContaining("first") };
    try {
      await createKey(subject, { params, body: { scopes: ["keys"] } });
      await expect(revokeKey(subject, { params })).rejects.toMatchObject(conflict);
      await expect(deleteProject(subject, { params })).rejects.toMatchObject(conflict);

      const fresh = (await rotateKey(subject, { params, body: { graceSeconds: 3600 } })) as { id: string };
      // The old one works for an hour more, and then nothing would.
      await expect(revokeKey(subject, { params: { ...params, kid: fresh.id } })).rejects.toMatchObject(conflict);
      await revokeKey(subject, { params });

      const project = (await createProject(subject, { body: { name: "Second" } })) as { id: string };
      await expect(deleteProject(subject, { params })).rejects.toMatchObject(conflict);
      await createKey(subject, { params: { id: project.id }, body: { scopes: ["admin"] } });
      await deleteProject(subject, { params });
      await expect(deleteProject(subject, { params: { id: project.id } })).rejects.toMatchObject(conflict);
    } finally {
      await own.close();
    }
  });

  test("last use is noted within the minute, off the request", async () => {
    const made = (await call("POST", path(), {})).body as { id: string; key: string };
    await sendEvents(running, [auditEvent()], { key: made.key });
    running.kit.identity.keys.flushLastUsed();
    const listed = (await call("GET", path())).body as { keys: { id: string; lastUsedAt: string | null }[] };
    expect(listed.keys.find(({ id }) => id === made.id)?.lastUsedAt).toMatch(/^\d{4}-/);
  });
});

test("a refusal repeats no more of a body's keys than shows the place", async () => {
  const { status, body } = await call("POST", "/api/projects", { name: "Long", ["k".repeat(200_000)]: 1 });
  expect([status, body.code]).toEqual([400, "invalid_request"]);
  expect(JSON.stringify(body).length).toBeLessThan(2_000);
});

describe("publishable keys", () => {
  const origin = "https://app.example.com";
  const make = (body: unknown) => call("POST", `/api/projects/${running.projectId}/keys`, body);
  const send = (key: string, from: string | undefined) =>
    sendEvents(running, [auditEvent()], { key, secret: null, headers: from === undefined ? {} : { origin: from } });

  test("may only ingest, unsigned, from their origins", async () => {
    expect((await make({ kind: "pk" })).status).toBe(400);
    expect((await make({ kind: "pk", origins: [origin], scopes: ["read"] })).status).toBe(400);
    for (const never of [
      "not an origin",
      "https://*.a.com",
      "https://a.com/page",
      "https://a.com:443",
      "https://u@a.com",
      "ftp://a.com",
      "null",
    ]) {
      const { status, body } = await make({ kind: "pk", origins: [never] });
      expect([status, body.code], never).toEqual([400, "invalid_request"]);
    }
    const made = (await make({ kind: "pk", origins: [`${origin}/`] })).body as { key: string; scopes: string[] };
    expect(made.key).toMatch(/^cuitty_pk_/);
    expect(made.scopes).toEqual(["ingest"]);
    const reply = await send(made.key, origin);
    expect(reply.status).toBe(200);
    expect(reply.headers.get("access-control-allow-origin")).toBe(origin);
    expect(reply.headers.get("access-control-expose-headers")).toContain("retry-after");
    for (const signature of ["", "0".repeat(64)]) {
      const headers = { origin, "x-cuitty-signature": signature };
      const wrong = await sendEvents(running, [auditEvent()], { key: made.key, secret: null, headers });
      expect([wrong.status, await wrong.json()]).toMatchObject([403, { code: "signature_mismatch" }]);
    }
    expect((await sendEvents(running, [auditEvent()], { key: made.key, secret: made.key, headers: { origin } })).status).toBe(403);
    expect((await sendEvents(running, [auditEvent()], { key: made.key, headers: { origin } })).status).toBe(200);
    expect((await send(made.key, "https://evil.example")).status).toBe(403);
    expect((await send(made.key, undefined)).status).toBe(403);
    expect((await call("GET", "/api/modules/logs/events", undefined, made.key)).status).toBe(403);
  });

  const preflight = (from: string) =>
    fetch(`${running.url}/api/ingest`, { method: "OPTIONS", headers: { origin: from, "access-control-request-method": "POST" } });
  const allowed = async (from: string) => (await preflight(from)).headers.get("access-control-allow-origin");

  test("alone have origins, and only while they and their project live", async () => {
    const refused = await make({ kind: "sk", origins: ["https://sk.example.com"] });
    expect([refused.status, refused.body.detail]).toEqual([400, expect.stringContaining("body.origins")]);
    const project = (await call("POST", "/api/projects", { name: "Short-lived" })).body as { id: string };
    const keysPath = `/api/projects/${project.id}/keys`;
    const issue = async (from: string) => (await call("POST", keysPath, { kind: "pk", origins: [from] })).body as { id: string };
    const { id } = await issue("https://one.example.com");
    await issue("https://two.example.com");
    expect([await allowed("https://one.example.com"), await allowed("https://two.example.com")]).not.toContain(null);
    await call("DELETE", `${keysPath}/${id}`);
    expect([await allowed("https://one.example.com"), await allowed("https://two.example.com")]).toEqual([null, "https://two.example.com"]);
    await call("DELETE", `/api/projects/${project.id}`);
    expect(await allowed("https://two.example.com")).toBeNull();
    // Secret keys made before origins were refused for them may have some.
    const { keys } = running.kit.identity;
    const { organizationId } = firstKeyOf(running);
    const { projectId } = running;
    const old = {
      projectId,
      organizationId,
      name: null,
      kind: "sk",
      scopes: ["read"],
      origins: ["https://sk.example.com"],
      expiresAt: null,
    } as const;
    keys.issue(old, { accountId: keys.ownerOf(firstKeyOf(running).keyId) ?? "", subjectId: "test" });
    expect(await allowed("https://sk.example.com")).toBeNull();
  });

  test("a preflight from a known origin is allowed, from others not", async () => {
    const known = await preflight(origin);
    expect(known.status).toBe(204);
    expect(known.headers.get("access-control-allow-origin")).toBe(origin);
    expect(known.headers.get("access-control-allow-headers")).toContain("x-cuitty-idempotency-key");
    expect((await preflight("https://evil.example")).headers.get("access-control-allow-origin")).toBeNull();
  });
});

describe("webhook secrets", () => {
  test("rotate at once, or with a grace period", async () => {
    const path = `/api/projects/${running.projectId}/secret/rotate`;
    const works = async (secret: string) => (await sendEvents(running, [auditEvent()], { secret })).status === 200;
    const second = (await call("POST", path)).body as { webhookSecret: string };
    expect([await works(running.webhookSecret), await works(second.webhookSecret)]).toEqual([false, true]);
    const third = (await call("POST", path, { graceSeconds: 60 })).body as { webhookSecret: string };
    expect([await works(second.webhookSecret), await works(third.webhookSecret)]).toEqual([true, true]);
    offsetMs += 61_000;
    expect([await works(second.webhookSecret), await works(third.webhookSecret)]).toEqual([false, true]);
    expect(audits()).toContain("secret_rotated");
  });
});
