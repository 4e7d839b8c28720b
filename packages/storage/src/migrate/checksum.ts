// The fingerprint of a migration: what it says, not how its lines are indented.
import { createHash } from "node:crypto";
import type { Migration } from "../module-file/types.ts";

/** SHA-256, hex, over version, name, rebuild flag and the statements with whitespace at both ends of each line removed. */
export function migrationChecksum(migration: Migration): string {
  const statements = migration.statements.map((statement) =>
    statement
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "")
      .join("\n"),
  );
  const text = JSON.stringify([migration.version, migration.name, migration.rebuild === true, statements]);
  return createHash("sha256").update(text).digest("hex");
}
