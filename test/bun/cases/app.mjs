// An app of Bun's own kind with the kit in it: what it exports by default is served on PORT. `bun app.mjs DATA_DIR CREDENTIALS_FILE`.
import { existsSync, writeFileSync } from "node:fs";
import { createServerKit } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import { mountKit } from "@cuitty/server-kit/hono";
import { logs } from "@cuitty/server-kit/logs";
import { Hono } from "hono";

const [dataDir, credentials] = process.argv.slice(2);
const kit = await createServerKit({ dataDir, modules: [audit(), logs()] });
if (!existsSync(credentials))
  writeFileSync(credentials, JSON.stringify(await kit.bootstrap({ email: "a@example.com", organization: "Acme" })));
process.on("SIGTERM", async () => {
  await kit.close();
  process.exit(0);
});

const app = new Hono();
mountKit(app, kit);
app.get("/stats", (c) => c.json(kit.stats()));

export default { port: Number(process.env.PORT), hostname: "127.0.0.1", fetch: app.fetch };
