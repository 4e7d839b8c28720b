// Sends events from a process of its own and reports when each commit had returned. Arguments: path, engine, count.
import { setTimeout as sleep } from "node:timers/promises";
import { HonkerEventTarget, open } from "@cuitty/storage/sqlite";

const [path = "", engine, count] = process.argv.slice(2);
const client = open(path, { engine: engine as "honker" | "libsql" });
const target = new HonkerEventTarget(client);
const committedAtMs: number[] = [];
for (let n = 0; n < Number(count); n++) {
  target.emit("tick", { n });
  committedAtMs.push(performance.timeOrigin + performance.now());
  await sleep(7);
}
client.close();
process.send?.(committedAtMs);
