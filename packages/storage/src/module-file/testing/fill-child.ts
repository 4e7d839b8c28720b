// Test tool: writes to a module file until told otherwise, reporting each outcome; started with little disk or as another user.
import { writeSync } from "node:fs";
import type { Migration } from "../types.ts";

const [, , path = ""] = process.argv;
const migrations: Migration[] = [
  { version: 1, name: "events", statements: ["CREATE TABLE events (id TEXT PRIMARY KEY, body TEXT NOT NULL)"] },
];
const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};

/** Writes batches until `limit` of them failed or succeeded; one line each. */
async function fill(): Promise<void> {
  const { openModuleFile } = await import("../open-module-file.ts");
  const file = await openModuleFile({ location: path, migrations });
  let failures = 0;
  for (let n = 0; n < 10_000; n++) {
    const statements = [{ table: "events", columns: ["id", "body"], rows: [[`e${n}`, "x".repeat(20_000)]] }];
    try {
      await file.write({ projectId: "p", idempotencyKey: `key-${n}`, statements, nowMs: n });
      say(`ok ${n}`);
      if (failures > 0) break;
    } catch (error) {
      const { code, retryable } = error as { code: string; retryable: boolean };
      failures++;
      say(`failed ${n} ${code} ${retryable}`);
      await new Promise((done) => setTimeout(done, 20));
      n--;
    }
    if (failures > 500) break;
  }
  await file.close();
  say("closed");
}

fill().catch((error: { code?: string; message: string }) => say(`thrown ${error.code} ${error.message}`));
