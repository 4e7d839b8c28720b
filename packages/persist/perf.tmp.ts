import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createStore } from "@cuitty/persist";

const dir = mkdtempSync("/tmp/pb/x-");
const value = (i: number) => ({ id: i, name: "Alice Example " + i, role: "admin", tags: ["a", "b", "c"], note: "x".repeat(180) });
const N = 10000;
const ms = () => performance.now();
const med = (a: number[]) => a.sort((x, y) => x - y)[a.length >> 1]!;
const out: Record<string, Record<string, number[]>> = { plain: {}, enc: {} };
const add = (m: string, k: string, v: number) => (out[m]![k] ??= []).push(v);
for (const mode of ["plain", "enc"] as const) {
  const s = await createStore({ name: "b", path: join(dir, mode + ".db"), encrypt: mode === "enc", keyStorage: "file" });
  const t = ms();
  await Promise.all(Array.from({ length: N }, (_, i) => s.records.put(`users/u${i}`, value(i))));
  add(mode, "bulk10k ms", ms() - t);
  await s.close();
}
const keys = Array.from({ length: N }, (_, i) => `users/u${(i * 7919) % N}`);
for (let r = 0; r < 5; r++)
  for (const mode of ["plain", "enc"] as const) {
    let t = ms();
    const s = await createStore({ name: "b", path: join(dir, mode + ".db"), encrypt: mode === "enc", keyStorage: "file" });
    add(mode, "open ms", ms() - t);
    await s.records.get("users/u5");
    add(mode, "open+read ms", ms() - t);
    t = ms();
    for (const k of keys) await s.records.get(k);
    add(mode, "get us cold", ((ms() - t) / N) * 1000);
    t = ms();
    for (const k of keys) await s.records.get(k);
    add(mode, "get us", ((ms() - t) / N) * 1000);
    t = ms();
    for (let i = 0; i < 500; i++) await s.records.put(keys[i]!, value(i + r * 1e6));
    add(mode, "put seq FULL us", ((ms() - t) / 500) * 1000);
    t = ms();
    await Promise.all(keys.map((k, i) => s.records.put(k, value(i + r * 1e5))));
    add(mode, "put bulk us", ((ms() - t) / N) * 1000);
    t = ms();
    const l = await s.records.list("users/");
    add(mode, "list 10k ms", ms() - t);
    if (l.length !== N) throw 1;
    t = ms();
    const p = await s.records.list("users/", { limit: 100, after: "users/u5" });
    add(mode, "page ms", ms() - t);
    if (p.length !== 100) throw 1;
    await s.close();
  }
for (const k of Object.keys(out.plain!)) {
  const a = med(out.plain![k]!),
    b = med(out.enc![k]!);
  console.log(k.padEnd(18), a.toFixed(2).padStart(9), b.toFixed(2).padStart(9), (a / b).toFixed(2));
}
rmSync(dir, { recursive: true });
