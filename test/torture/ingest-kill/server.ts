// The server that is killed: a kit in a Hono app. With KILL_AT it ends itself with SIGKILL at a stage, otherwise it waits to be killed.
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { createServerKit, type Stage } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import { mountKit } from "@cuitty/server-kit/hono";
import { logs } from "@cuitty/server-kit/logs";
import { serve } from "@hono/node-server";
import { Hono } from "hono";

const dataDir = process.argv[2] ?? "";
/** `before:write:17` ends the process at the 17th batch that comes to the stage `write`. */
const [side, stage = "", countText = "0"] = (process.env.KILL_AT ?? "").split(":");

const kit = await createServerKit({
  dataDir,
  modules: [audit(), logs()],
  limits: { eventsPerSecond: 1e8, batchesPerSecond: 1e8 },
  minFreeBytes: 0,
  storageThread: fileURLToPath(new URL("./storage-thread.mjs", import.meta.url)),
});
if (side === "before" || side === "after") {
  let left = Number(countText);
  const end: Stage = () => {
    left -= 1;
    if (left === 0) process.kill(process.pid, "SIGKILL");
  };
  kit.stages[side](stage, end);
}
const credentials = kit.identity.isBootstrapped
  ? null
  : await kit.bootstrap({ email: "torture@example.com", organization: "Torture", signaturePolicy: "required" });
const app = new Hono();
mountKit(app, kit);
const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }: AddressInfo) =>
  process.send?.({ port, credentials }),
);

process.on("message", (message) => {
  if (message !== "stop") return;
  server.close();
  void kit.close().then(() => process.exit(0));
});
