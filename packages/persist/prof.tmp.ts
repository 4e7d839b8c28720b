import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createStore } from "@cuitty/persist";

const dir = mkdtempSync("/tmp/pb/x-");
const value = (i: number) => ({ id: i, name: "Alice Example " + i, role: "admin", tags: ["a", "b", "c"], note: "x".repeat(180) });
const N = 10000;
const s = await createStore({ name: "b", path: join(dir, "e.db"), encrypt: true, keyStorage: "file" });
await Promise.all(Array.from({ length: N }, (_, i) => s.records.put(`users/u${i}`, value(i))));
const keys = Array.from({ length: N }, (_, i) => `users/u${(i * 7919) % N}`);
if (process.argv[2] === "get") for (let r = 0; r < 20; r++) for (const k of keys) await s.records.get(k);
else for (let i = 0; i < 5000; i++) await s.records.put(keys[i]!, value(i));
await s.close();
rmSync(dir, { recursive: true });
