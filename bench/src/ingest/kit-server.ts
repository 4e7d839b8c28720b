// The kit in a Hono app, as its README says. Limits are raised: the benchmark measures work, not the limiter.
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { createServerKit } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import { logs } from "@cuitty/server-kit/logs";
import { performance as performanceModule } from "@cuitty/server-kit/performance";
import { repository } from "@cuitty/server-kit/repository";
import { serve } from "@hono/node-server";
import { Hono } from "hono";

const dataDir = process.argv[2] ?? "";
const kit = await createServerKit({
  dataDir,
  modules: [logs({ search: process.env.SEARCH !== undefined }), performanceModule(), repository(), audit()],
  limits: { eventsPerSecond: 1e8, batchesPerSecond: 1e6 },
  // Bundled beside this file.
  storageThread: fileURLToPath(new URL("./storage-thread.mjs", import.meta.url)),
});
const { apiKey, webhookSecret } = await kit.bootstrap({ email: "bench@example.com", organization: "Bench", signaturePolicy: "required" });
const app = new Hono();
app.all("/api/*", (c) => kit.fetch(c.req.raw, c.env as never));
const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, (info: AddressInfo) => {
  process.send?.({ port: info.port, apiKey, secret: webhookSecret });
});

process.on("message", (message) => {
  if (message === "usage") process.send?.({ ...process.cpuUsage(), rss: process.memoryUsage().rss });
  if (message !== "stop") return;
  server.close();
  (server as { closeAllConnections?: () => void }).closeAllConnections?.();
  void kit.close().then(() => process.exit(0));
});
