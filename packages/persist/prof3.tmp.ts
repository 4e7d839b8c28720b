import c, { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { sqliteAdapter } from "./src/adapters/sqlite.ts";

const dir = mkdtempSync("/tmp/pb/x-");
const a = await sqliteAdapter({ path: join(dir, "e.db") });
const N = 10000;
const keys = Array.from({ length: N }, () => randomBytes(50).toString("base64url").slice(0, 50));
const key = c.createSecretKey(Buffer.alloc(32, 1));
const e = c.createCipheriv("aes-256-gcm", key, Buffer.alloc(12));
const ct = Buffer.concat([e.update(Buffer.alloc(330, 65)), e.final(), e.getAuthTag()]);
await a.batch!(keys.map((key) => ({ type: "put" as const, key, value: ct })));
let tg = 0,
  td = 0;
for (let r = 0; r < 4; r++) {
  tg = td = 0;
  const t = performance.now();
  for (let i = 0; i < N; i++) {
    const k = keys[(i * 7919) % N]!;
    const t0 = performance.now();
    const v = (await a.get(k)) as Uint8Array;
    const t1 = performance.now();
    const d = c.createDecipheriv("aes-256-gcm", key, Buffer.alloc(12));
    d.setAuthTag(v.subarray(v.length - 16));
    const p = d.update(v.subarray(0, v.length - 16));
    d.final();
    const t2 = performance.now();
    tg += t1 - t0;
    td += t2 - t1;
  }
  console.log(((performance.now() - t) / 10).toFixed(2), "get", (tg / 10).toFixed(2), "dec", (td / 10).toFixed(2));
}
await a.close!();
rmSync(dir, { recursive: true });
