// The modules' reads as typed calls, without HTTP.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServerKit, type Subject } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import { logs } from "@cuitty/server-kit/logs";
import { signBody } from "@cuitty/wire-protocol/signature";
import { expect, test } from "vitest";

test("what the routes answer is what the calls return, with types, for the subject's project only", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "cuitty-calls-"));
  const kit = await createServerKit({ dataDir, modules: [audit(), logs({ search: true })], minFreeBytes: 0, environment: {} });
  try {
    const { projectId, apiKey, webhookSecret } = await kit.bootstrap({ email: "ops@example.com", organization: "Acme" });
    const ts = "2026-04-27T12:34:56Z";
    const events = [
      { type: "audit", ts, data: { actor: "alice", action: "login", resource: "portal" } },
      { type: "log", ts, data: { level: "error", message: "payment timeout", service: "shop" } },
    ];
    const body = new TextEncoder().encode(JSON.stringify({ events }));
    const headers = {
      authorization: `Bearer ${apiKey}`,
      "content-type": "application/json",
      "x-cuitty-signature": signBody(body, webhookSecret),
    };
    expect((await kit.fetch(new Request("http://x/api/ingest", { method: "POST", headers, body }))).status).toBe(200);

    const organizationId = kit.identity.projects.get(projectId)?.organizationId ?? "";
    const me: Subject = { id: "me", kind: "user", projectId, organizationId, scopes: ["read"] };
    const found = await kit.api.logs.searchLogs(me, { query: { q: "timeout level>=warn service:shop", limit: 10 } });
    const message: unknown = found.events[0]?.data.message;
    expect([message, found.nextCursor]).toEqual(["payment timeout", null]);
    const list = await kit.api.audit.listAuditEvents(me, { query: { actor: "alice" } });
    const entry = await kit.api.audit.getAuditEvent(me, { params: { id: list.events[0]?.id ?? "" } });
    expect(entry.prevHash).toBe("0".repeat(64));
    expect((await kit.api.audit.verifyAuditChain(me)).headHash).toBe(entry.hash);

    const reply = await kit.fetch(
      new Request("http://x/api/modules/logs/events?q=timeout", { headers: { authorization: `Bearer ${apiKey}` } }),
    );
    expect(await reply.json()).toEqual(found);
    await expect(kit.api.logs.searchLogs({ ...me, scopes: [] })).rejects.toMatchObject({ code: "insufficient_scope" });
    await expect(kit.api.logs.searchLogs(me, { query: { limit: 0 } })).rejects.toMatchObject({ code: "invalid_request" });
  } finally {
    await kit.close();
    await rm(dataDir, { recursive: true, force: true });
  }
});
