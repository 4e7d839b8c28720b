// A second process that forces its way past the owner lease and stores one key of a project in the file of the logs.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { openModules } from "@cuitty/server-kit";
import { logs } from "@cuitty/server-kit/logs";

const { DATA_DIR: dataDir = "", PROJECT: projectId = "", IDEMPOTENCY_KEY: idempotencyKey = "" } = process.env;
for (const name of [".cuitty-owner.db", ".cuitty-owner.db-wal", ".cuitty-owner.db-shm"]) rmSync(join(dataDir, name), { force: true });
const registry = await openModules({ dataDir, modules: [logs()] });
await registry.all[0]?.file.write({
  projectId,
  idempotencyKey,
  fingerprint: new Uint8Array(32).fill(7),
  statements: [],
  nowMs: Date.now(),
});
await registry.close();
process.exit(0);
