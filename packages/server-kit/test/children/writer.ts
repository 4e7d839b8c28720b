// A second process that writes to a module's file past the owner lease, as a broken deployment would.
import { openModules } from "@cuitty/server-kit";
import { logs } from "@cuitty/server-kit/logs";
import { writeKeys } from "./write-keys.ts";

const registry = await openModules({ dataDir: process.env.DATA_DIR as string, modules: [logs()] });
const [module] = registry.all;
if (module === undefined) throw new Error("no module");
process.send?.("ready");
await new Promise((resolve) => process.once("message", resolve));
process.send?.(await writeKeys(module, 150));
await registry.close();
process.exit(0);
