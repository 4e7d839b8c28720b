// Runs inside the scratch project: the kit and the client's middleware in a real Hono and a real Express, of whatever versions are installed.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCuittyClient } from "@cuitty/sdk";
import { createExpressMiddleware } from "@cuitty/sdk/express";
import { auditPlugin } from "@cuitty/sdk/plugins/audit";
import { createServerKit } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import { kitMiddleware } from "@cuitty/server-kit/express";
import { mountKit } from "@cuitty/server-kit/hono";
import express from "express";
import { Hono } from "hono";

const folder = mkdtempSync(join(tmpdir(), "cuitty-peers-"));
const kit = await createServerKit({ dataDir: folder, modules: [audit()] });
const { projectId, apiKey, webhookSecret } = await kit.bootstrap({ email: "alice@example.com", organization: "Acme" });
const newClient = (portalUrl, fetch) =>
  createCuittyClient({ portalUrl, projectId, apiKey, webhookSecret, fetch }).use(auditPlugin()).start();

const hono = new Hono();
mountKit(hono, kit);
const inHono = newClient("http://app.test", async (url, init) => hono.request(url, init));
hono.get("/notes/:id", inHono.honoMiddleware(), (c) => c.text("a note"));
await (await hono.request("/notes/7")).text();

const app = express();
app.use("/telemetry", kitMiddleware(kit));
const server = await new Promise((resolve) => {
  const listening = app.listen(0, "127.0.0.1", () => resolve(listening));
});
const url = `http://127.0.0.1:${server.address().port}`;
const inExpress = newClient(`${url}/telemetry`);
app.use(createExpressMiddleware(inExpress));
app.get("/notes/:id", (_request, response) => response.send("a note"));
await (await fetch(`${url}/notes/7`)).text();

const sent = [(await inHono.shutdown()).sent, (await inExpress.shutdown()).sent];
server.close();
server.closeAllConnections();
const { events } = await kit.api.audit.listAuditEvents({ id: "test", kind: "user", projectId, organizationId: "", scopes: ["read"] });
await kit.close();
rmSync(folder, { recursive: true, force: true });
console.log(`${sent.join(" and ")} sent, ${events.map(({ data }) => data.action).join(" and ")}`);
process.exitCode = sent.join() === "1,1" && events.every(({ data }) => data.action === "GET /notes/:id") ? 0 : 1;
