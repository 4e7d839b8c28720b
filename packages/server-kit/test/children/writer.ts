// A second process that writes to a module's file past the owner lease, as a broken deployment would.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { openModules } from "@cuitty/server-kit";
import { logs } from "@cuitty/server-kit/logs";
import { writeKeys } from "./write-keys.ts";

const dataDir = process.env.DATA_DIR as string;
for (const name of [".cuitty-owner.db", ".cuitty-owner.db-wal", ".cuitty-owner.db-shm"]) rmSync(join(dataDir, name), { force: true });
const registry = await openModules({ dataDir, modules: [logs()] });
const [module] = registry.all;
if (module === undefined) throw new Error("no module");
process.send?.("ready");
await new Promise((resolve) => process.once("message", resolve));
process.send?.(await writeKeys(module, 150));
await registry.close();
process.exit(0);
