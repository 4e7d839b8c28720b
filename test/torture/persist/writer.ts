// The process that is killed: writes to an encrypted store as fast as it can and says what it tries and what was acknowledged.
import { writeSync } from "node:fs";
import { createStore } from "@cuitty/persist";
import { blobBytes, slots } from "./plan.ts";

const [path = "", first = "0", mode = "", limit = "Infinity"] = process.argv.slice(2);
const store = await createStore({ name: "torture", path, encrypt: true, keyStorage: "file" });
/** Synchronous: what is said is in the pipe before the next step, whatever happens then. */
const say = (line: string) => writeSync(1, `${line}\n`);

async function step(n: number): Promise<void> {
  const slot = n % slots;
  const say2 = (what: string) => say(`done ${what} ${n}`);
  say(`try put ${n}`);
  await store.records.put(`slot/${slot}`, { n, text: "x".repeat(n % 700) }).then(() => say2("put"));
  if (n % 3 === 0) {
    say(`try batch ${n}`);
    await store
      .batch((batch) => {
        batch.records.put("pair/left", { n });
        batch.kv.put("pair-right", { n });
        batch.events.append("log", { n });
      })
      .then(() => say2("batch"));
  }
  if (n % 7 === 0) {
    say(`try blob ${n}`);
    await store.blobs.put("blob", blobBytes(n), { metadata: { n } }).then(() => say2("blob"));
  }
  if (n % 11 === 0) {
    say(`try delete ${n}`);
    await store.kv.put("gone", { n });
    await store.kv.delete("gone").then(() => say2("delete"));
  }
}

say("open");
if (mode === "rotate") void store.crypto.rotateKey();
for (let n = Number(first); n < Number(limit); n += 4) {
  // Several at once, so that groups of writes are cut in the middle.
  await Promise.all([step(n), step(n + 1), step(n + 2), step(n + 3)]);
}
// Without closing: what was acknowledged must not need it.
process.exit(0);
