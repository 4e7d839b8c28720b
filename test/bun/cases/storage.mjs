// SQLite files on Bun: both engines through Drizzle, messages between processes, a storage thread that dies.
import assert from "node:assert/strict";
import { join } from "node:path";
import { callProcedure, createStorageThread } from "@cuitty/storage/module-file";
import { createTenantDatabase, graphs, open } from "@cuitty/storage/sqlite";
import { eq } from "drizzle-orm";
import { check, finish, folder, start, until } from "./checks.mjs";
import { endThread } from "./thread.mjs";

// Honker's binding exists for Linux on x64 alone.
const engines = process.platform === "linux" && process.arch === "x64" ? ["honker", "libsql"] : ["libsql"];
for (const engine of engines) {
  await check(`${engine}: transactions through Drizzle, heard by who listens, also from another process`, async () => {
    const path = join(folder, `${engine}.db`);
    const db = createTenantDatabase(open(path, { engine }));
    const heard = [];
    db.$client.listen("graphs:created", ({ payload }) => heard.push(payload.id));
    db.$client.listen("ping", () => heard.push("ping"));
    db.transaction((tx) => {
      tx.insert(graphs).values({ id: "g1", name: "calls", status: "active" }).run();
      tx.$honkerTx.notify("graphs:created", { id: "g1" });
    });
    const undone = db.transaction(async (tx) => {
      await tx.insert(graphs).values({ id: "g2", name: "undone", status: "active" });
      throw new Error("undone");
    });
    await assert.rejects(undone, /undone/);
    assert.deepEqual(await db.select({ name: graphs.name }).from(graphs).where(eq(graphs.status, "active")), [{ name: "calls" }]);
    assert.equal((await start("other-process.mjs", [path, engine]).ended).code, 0);
    await until("both messages", () => heard.length === 2);
    assert.deepEqual(heard, ["g1", "ping"]);
    db.$client.close();
  });
}

if (engines.length === 2)
  await check("one file, one library", () => {
    const client = open(join(folder, "honker.db"), { engine: "honker" });
    assert.throws(() => open(join(folder, "honker.db"), { engine: "libsql" }), { code: "engine_conflict" });
    client.close();
  });

await check("a storage thread that dies in a transaction holds no lock", async () => {
  const thread = await createStorageThread({ file: join(import.meta.dirname, "thread.mjs") });
  const migrations = [{ version: 1, name: "events", statements: ["CREATE TABLE events (body TEXT NOT NULL) STRICT"] }];
  const file = await thread.openModuleFile({ location: join(folder, "module.db"), migrations });
  const write = (idempotencyKey, extra) =>
    file.write({
      projectId: "p",
      idempotencyKey,
      fingerprint: new Uint8Array(32),
      statements: [{ table: "events", columns: ["body"], rows: [[idempotencyKey]] }],
      nowMs: 1,
      ...extra,
    });
  assert.equal((await write("k1")).status, "written");
  await assert.rejects(write("k2", { interactive: callProcedure(endThread, null) }), { code: "io" });
  assert.equal((await write("k3")).status, "written");
  assert.equal((await write("k1")).status, "replayed");
  assert.deepEqual(await file.all("SELECT body FROM events"), [["k1"], ["k3"]]);
  await file.close();
  await thread.close();
});

finish();
