// A nightly job that tells what it did: a log line a step, how long all took, and an audit entry for what it published. Events survive a portal that is away, in ./spool.
import { fileURLToPath } from "node:url";
import { createCuittyClient } from "@cuitty/sdk";

const { CUITTY_URL = "http://localhost:7700", CUITTY_PROJECT_ID = "", CUITTY_API_KEY = "", CUITTY_WEBHOOK_SECRET, SPOOL_DIR } = process.env;

const cuitty = createCuittyClient({
  portalUrl: CUITTY_URL,
  projectId: CUITTY_PROJECT_ID,
  apiKey: CUITTY_API_KEY,
  webhookSecret: CUITTY_WEBHOOK_SECRET,
  spool: SPOOL_DIR ?? fileURLToPath(new URL("../spool", import.meta.url)),
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
cuitty.emit({
  type: "performance",
  data: { service: "nightly-job", metric: "duration", value: Math.round(performance.now()), unit: "ms" },
});
cuitty.emit({ type: "audit", data: { actor: "nightly-job", action: "report.publish", resource: "reports/v1.4.2" } });

const { sent, pending, dropped } = await cuitty.shutdown();
console.log(`client-node: ${sent} sent, ${pending} kept for the next start, ${dropped} lost`);
