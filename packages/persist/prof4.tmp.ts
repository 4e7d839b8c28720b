import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createStore } from "@cuitty/persist";
import { sqliteAdapter } from "./src/adapters/sqlite.ts";

const dir = mkdtempSync("/tmp/pb/x-");
const a = await sqliteAdapter({ path: join(dir, "e.db") });
let tg = 0,
  n = 0;
const seen: string[] = [];
const w = {
  ...a,
  async get(k: string) {
    const t = performance.now();
    const v = await a.get(k);
    tg += performance.now() - t;
    n++;
    if (seen.length < 10000) seen.push(k);
    return v;
  },
};
const s = await createStore({ name: "b", adapter: w, encrypt: true, keyStorage: "file", keyFile: join(dir, "k") });
const N = 10000;
const mode = process.argv[2];
const value = (i: number) => ({ id: i, name: "Alice Example " + i, role: "admin", tags: ["a", "b", "c"], note: "x".repeat(180) });
if (mode === "one")
  for (let b = 0; b < N; b += 1000) await Promise.all(Array.from({ length: 1000 }, (_, i) => s.records.put(`users/u${b + i}`, value(i))));
else await Promise.all(Array.from({ length: N }, (_, i) => s.records.put(`users/u${i}`, value(i))));
seen.length = 0;
for (let r = 0; r < 4; r++) {
  tg = n = 0;
  const t = performance.now();
  for (let i = 0; i < N; i++) await s.records.get(`users/u${(i * 7919) % N}`);
  console.log("store", ((performance.now() - t) / 10).toFixed(2), "adapter", ((tg / n) * 1000).toFixed(2));
}
for (let r = 0; r < 3; r++) {
  const t = performance.now();
  for (const k of seen) await a.get(k);
  console.log("adapter alone", ((performance.now() - t) / 10).toFixed(2));
}
await s.close();
rmSync(dir, { recursive: true });
