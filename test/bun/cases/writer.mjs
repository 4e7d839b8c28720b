// Writes to an encrypted store until it is killed; each number on its output is on disk. `bun writer.mjs FILE`.
import { createStore } from "@cuitty/persist";

const store = await createStore({ name: "killed", adapter: "sqlite", path: process.argv[2], encrypt: true, keyStorage: "file" });
for (let n = 0; ; n++) {
  await store.records.put(`numbers/${n}`, { n });
  process.stdout.write(`${n}\n`);
}
