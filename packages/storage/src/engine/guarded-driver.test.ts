// Writes through a client's driver while somebody's asynchronous transaction is open: refused, never acknowledged and then lost.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { drizzle } from "../sqlite/drizzle.ts";
import { isHonkerInstalled } from "./honker-native.ts";
import { open, type StorageClient } from "./open.ts";

const busy = expect.objectContaining({ code: "writer_busy", retryable: true });
const cases = [...(isHonkerInstalled() ? [["honker", "a.db"] as const] : []), ["libsql", "a.db"] as const, ["libsql", ":memory:"] as const];

describe.each(cases)("%s %s", (engine, name) => {
  let folder: string;
  let client: StorageClient;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "cuitty-guard-"));
    client = open(name === ":memory:" ? name : join(folder, name), { engine });
    client.driver.exec("CREATE TABLE q (a)");
  });
  afterEach(() => {
    client.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Somebody's transaction that writes 1 and fails after `body`. */
  async function duringAnother(body: () => void): Promise<void> {
    let go = () => {};
    const gone = new Promise<void>((done) => {
      go = done;
    });
    const other = drizzle(client).transaction(async (tx) => {
      tx.run(sql`INSERT INTO q VALUES (1)`);
      await gone;
      throw new Error("undone");
    });
    try {
      body();
    } finally {
      go();
      await expect(other).rejects.toThrow("undone");
    }
  }

  test("every way to write is refused with writer_busy, and works again afterwards", async () => {
    const { driver } = client;
    const known = driver.prepare("INSERT INTO q VALUES (5)");
    const ways: [string, () => unknown][] = [
      ["run", () => driver.prepare("INSERT INTO q VALUES (?)").run([5])],
      ["all", () => driver.prepare("INSERT INTO q VALUES (5) RETURNING a").all()],
      ["get", () => driver.prepare("INSERT INTO q VALUES (5) RETURNING a").get()],
      ["a statement made before", () => known.run()],
      ["exec", () => driver.exec("SELECT 1; INSERT INTO q VALUES (5)")],
      ["transaction", () => driver.transaction(() => known.run())],
    ];
    await duringAnother(() => {
      for (const [way, write] of ways) expect(write, way).toThrow(busy);
      expect(() => driver.exec("COMMIT")).toThrow(busy);
      expect(() => driver.prepare("ROLLBACK").run()).toThrow(busy);
      expect(() => drizzle(driver).run(sql`INSERT INTO q VALUES (5)`)).toThrow(busy);
      driver.exec("SELECT a FROM q");
      expect(driver.prepare("SELECT 7").get()).toEqual([7]);
    });
    expect(driver.prepare("SELECT a FROM q").all()).toEqual([]);
    for (const [, write] of ways) write();
    expect(driver.prepare("SELECT count(*) FROM q WHERE a = 5").get()).toEqual([ways.length]);
  });

  test("the owner writes on through its `tx`, also on a database made from the driver", async () => {
    const db = drizzle(client.driver);
    await db.transaction(async (tx) => {
      await Promise.resolve();
      tx.run(sql`INSERT INTO q VALUES (2)`);
      tx.transaction((inner) => inner.run(sql`INSERT INTO q VALUES (3)`));
    });
    expect(db.$client.driver).toBe(client.driver);
    expect(client.driver.prepare("SELECT a FROM q").all()).toEqual([[2], [3]]);
  });
});
