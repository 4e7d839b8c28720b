// One life of a client that sends three events and ends as it is told. `bun life.mjs URL END [SPOOL]`.
import { createCuittyClient } from "@cuitty/sdk";
import { errorsPlugin } from "@cuitty/sdk/plugins/errors";

const [url, end, spool] = process.argv.slice(2);
const client = createCuittyClient({
  portalUrl: url,
  projectId: "p",
  apiKey: "cuitty_sk_test",
  webhookSecret: "whsec_test",
  ...(spool && { spool }),
});
client.use(errorsPlugin()).start();
for (let n = 0; n < 3; n++) client.emit({ type: "audit", data: { actor: "alice", action: "test", resource: end, pad: "p".repeat(2_000) } });
console.log("emitted");
if (end === "exit") process.exit(3);
if (end === "throw")
  setTimeout(() => {
    throw new Error("thrown");
  }, 10);
if (end === "reject") setTimeout(() => void Promise.reject(new Error("rejected")), 10);
if (end === "reject, heard once") {
  process.once("unhandledRejection", () => console.log("heard"));
  setTimeout(() => void Promise.reject(new Error("first")), 10);
  setTimeout(() => void Promise.reject(new Error("rejected")), 50);
}
if (end.startsWith("SIG")) setInterval(() => {}, 1_000);
