// The writer that is killed or cut off: writes groups, transactions or migrations, and says on standard output what was acknowledged.
import { writeSync } from "node:fs";
import { openModuleFile } from "@cuitty/storage/module-file";
import { applyMigrations } from "@cuitty/storage/sqlite";
import type { Synchronous } from "../../../packages/storage/src/engine/driver.ts";
import { open } from "../../../packages/storage/src/engine/open.ts";
import { blockRows, generations, rowsPerWrite, schema } from "./schema.ts";

const [, , kind = "", path = "", from = "0", limit = "1000000", synchronous = "FULL"] = process.argv;

/** One system call: it is in the pipe when the process dies at the next instruction. */
const acknowledge = (n: number): void => {
  writeSync(1, `ack ${n}\n`);
};

/** Requests of 5 rows behind one another in 4 lanes: groups form as they do in a server. */
async function writeGroups(): Promise<void> {
  const file = await openModuleFile({ location: path, migrations: schema });
  let next = Number(from);
  const lane = async () => {
    while (next < Number(limit)) {
      const n = next++;
      const rows = Array.from({ length: rowsPerWrite }, (_, index) => [n, index, `${n}:${index}:${"x".repeat(n % 700)}`]);
      const statements = [{ table: "events", columns: ["n", "i", "body"], rows, onConflict: "ignore" as const }];
      await file.write({ projectId: "p", idempotencyKey: `key-${n}`, statements, nowMs: n });
      acknowledge(n);
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
}

/** Transactions of 5 rows and a message on the Honker engine, with a rollback now and then. */
function writeTransactions(): void {
  const client = open(path, { engine: "honker", synchronous: synchronous as Synchronous });
  applyMigrations(client.driver, { kind: "tenant", migrations: schema });
  for (let n = Number(from); n < Number(limit); n++) {
    client.transaction((tx) => {
      for (let index = 0; index < rowsPerWrite; index++) {
        tx.execute("INSERT INTO events (n, i, body) VALUES (?, ?, ?)", [n, index, `${n}:${index}:${"x".repeat(n % 700)}`]);
      }
      tx.notify("written", n);
    });
    acknowledge(n);
    if (n % 7 === 0) rollBack(client);
  }
}

function rollBack(client: ReturnType<typeof open>): void {
  try {
    client.transaction((tx) => {
      tx.execute("INSERT INTO events (n, i, body) VALUES (-1, 0, 'never')");
      throw new Error("rolled back on purpose");
    });
  } catch {
    // reason: thrown on purpose three lines above
  }
}

/** Generations of migrations that move all rows each time. */
async function migrate(): Promise<void> {
  const client = open(path, { engine: from as "honker" | "libsql" });
  writeSync(1, "ack 0\n");
  applyMigrations(client.driver, { kind: "tenant", migrations: generations(blockRows) });
  writeSync(1, "done\n");
  await new Promise((done) => setTimeout(done, 10_000));
}

if (kind === "groups") await writeGroups();
else if (kind === "transactions") writeTransactions();
else if (kind === "migrations") await migrate();
