// For tests: sends events from a process of its own. Arguments: path, engine, count, pause in ms.
import { setTimeout as sleep } from "node:timers/promises";
import type { EngineName } from "../../engine/driver.ts";
import { open } from "../../engine/open.ts";
import { HonkerEventTarget } from "../event-target.ts";

const [path, engine, count, pauseMs] = process.argv.slice(2);
const client = open(path!, { engine: engine as EngineName });
const target = new HonkerEventTarget(client);
for (let n = 0; n < Number(count); n++) {
  target.emit("tick", { n, atMs: performance.timeOrigin + performance.now() });
  await sleep(Number(pauseMs));
}
client.close();
