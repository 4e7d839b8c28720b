// Emits a million events at a dead server with a small heap, and tells how much was ever held.
import { createCuittyClient } from "@cuitty/sdk";

const total = 1_000_000;
const perTurn = 2_000;

const client = createCuittyClient({ portalUrl: process.argv[2] ?? "", projectId: "p", apiKey: "cuitty_sk_test" }).start();
let maxBytes = 0;
for (let n = 0; n < total; n += perTurn) {
  for (let index = 0; index < perTurn; index++) {
    client.emit({
      type: index % 3 ? "log" : "audit",
      data: { n: n + index, message: `line ${index} of something that goes on for a while`, path: "/api/secrets/rotate" },
    });
  }
  maxBytes = Math.max(maxBytes, client.stats().bytes);
  await new Promise((resolve) => setImmediate(resolve));
}
await client.shutdown(200);
const { emitted, dropped, sent, rejected, pending } = client.stats();
process.stdout.write(JSON.stringify({ emitted, dropped, sent, rejected, pending, maxBytes }));
