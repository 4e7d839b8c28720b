// A nightly job that tells what it did: one deploy, a cost and a log line a step. Events survive a portal that is away, in ./spool.
import { createCuittyClient } from "@cuitty/sdk";

const { CUITTY_URL = "http://localhost:7700", CUITTY_PROJECT_ID = "", CUITTY_API_KEY = "", CUITTY_WEBHOOK_SECRET, SPOOL_DIR } = process.env;

const cuitty = createCuittyClient({
  portalUrl: CUITTY_URL,
  projectId: CUITTY_PROJECT_ID,
  apiKey: CUITTY_API_KEY,
  webhookSecret: CUITTY_WEBHOOK_SECRET,
  spool: SPOOL_DIR ?? new URL("../spool", import.meta.url).pathname,
});
cuitty.on("drop", ({ reason, type, message }) => console.error(`lost a ${type} event: ${reason} ${message ?? ""}`));
cuitty.start();

for (const step of ["fetch", "transform", "publish"]) {
  const startedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 50));
  cuitty.emit({
    type: "log",
    data: { level: "info", message: `${step} done`, module: "nightly", fields: { ms: Math.round(performance.now() - startedAt) } },
  });
}
cuitty.emit({ type: "cost", data: { provider: "example", service: "nightly-job", amount: 0.02, currency: "USD", period: "2026-11" } });
cuitty.emit({ type: "deploy", data: { service: "reports", version: "v1.4.2", environment: "production", status: "succeeded" } });

const { sent, pending, dropped } = await cuitty.shutdown();
console.log(`client-node: ${sent} sent, ${pending} kept for the next start, ${dropped} lost`);
