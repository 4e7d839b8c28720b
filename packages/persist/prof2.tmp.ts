import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { sqliteAdapter } from "./src/adapters/sqlite.ts";

const dir = mkdtempSync("/tmp/pb/x-");
const a = await sqliteAdapter({ path: join(dir, "e.db") });
const N = 10000;
const keys = Array.from({ length: N }, () => randomBytes(50).toString("base64url").slice(0, 50));
for (const kind of ["fresh", "text", "slice"]) {
  await a.batch!(
    keys.map((key) => ({
      type: "put" as const,
      key,
      value: kind === "text" ? "x".repeat(430) : kind === "slice" ? new Uint8Array(430).fill(0xc3) : Buffer.alloc(430, 3),
    })),
  );
  for (let r = 0; r < 3; r++) {
    const t = performance.now();
    for (let i = 0; i < N; i++) await a.get(keys[(i * 7919) % N]!);
    console.log(kind, ((performance.now() - t) / 10).toFixed(2));
  }
}
await a.close!();
rmSync(dir, { recursive: true });
