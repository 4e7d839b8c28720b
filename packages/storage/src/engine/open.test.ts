// An open file as its users see it: transactions, messages between processes, the rules of the one writer.
import { existsSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EngineName } from "./driver.ts";
import { isHonkerInstalled, loadHonker } from "./honker-native.ts";
import type { Notification } from "./notifications.ts";
import { open, type StorageClient } from "./open.ts";
import { holdWriteLock } from "./testing/lock-holder.ts";
import { startClient } from "./testing/open-child.ts";
import { createWatcher } from "./watcher.ts";

const engines: EngineName[] = isHonkerInstalled() ? ["honker", "libsql"] : ["libsql"];
const tick = (ms = 0) => new Promise((done) => setTimeout(done, ms));

describe.each(engines)("%s", (engine) => {
  let folder: string;
  let client: StorageClient;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "cuitty-open-"));
    client = open(join(folder, "a.db"), { engine });
    client.driver.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  });
  afterEach(() => {
    client.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const count = () => client.query("SELECT count(*) AS n FROM t")[0]?.n;

  test("answers with objects, is private to its owner and syncs each commit", () => {
    expect(client.engine).toBe(engine);
    expect(client.transaction((tx) => tx.execute("INSERT INTO t (v) VALUES (?), (?)", ["a", 2n ** 60n]).changes)).toBe(2);
    expect(client.query("SELECT v, id FROM t WHERE id > ?", [0])).toEqual([
      { v: "a", id: 1 },
      { v: 2n ** 60n, id: 2 },
    ]);
    expect(client.driver.prepare("PRAGMA synchronous").get()).toEqual([2]);
    expect(statSync(client.path).mode & 0o777).toBe(0o600);
  });

  test("two handles share one connection; the file closes with the last", () => {
    const second = open(client.path, { engine });
    client.close();
    second.driver.exec("INSERT INTO t (v) VALUES (1)");
    second.close();
    expect(() => second.query("SELECT 1")).toThrow(expect.objectContaining({ code: "closed" }));
    client = open(client.path, { engine });
    expect(count()).toBe(1);
  });

  test("what is no path and no database is refused by name, and so is a message that is no JSON", () => {
    for (const source of [undefined, null, 5, {}, "", "a\0b"]) {
      expect(() => open(source as never, { engine })).toThrow(expect.objectContaining({ code: "invalid_option" }));
    }
    const circle: unknown[] = [];
    circle.push(circle);
    for (const payload of [1n, circle, () => {}]) {
      expect(() => client.notify("jobs", payload)).toThrow(expect.objectContaining({ code: "invalid_parameter" }));
    }
  });

  test("a closed client refuses to watch and listen, also while another handle keeps the file open", () => {
    const second = open(client.path, { engine });
    second.close();
    for (const closed of [second, client]) {
      closed.close();
      expect(() => closed.watch({ onCommit: () => {} })).toThrow(expect.objectContaining({ code: "closed" }));
      expect(() => closed.listen("jobs", () => {})).toThrow(expect.objectContaining({ code: "closed" }));
    }
  });

  test("a watcher whose file closes under it is told that nothing more comes", async () => {
    const driver = client.driver;
    const lost = new Promise<void>((done) => createWatcher(driver, undefined).watch({ onCommit: () => {}, onLost: done }));
    driver.close();
    await lost;
  });

  test("a listener that throws hears the messages after that one in the same turn", async () => {
    const heard: unknown[] = [];
    const warned = new Promise<Error>((done) => process.once("warning", done));
    client.listen("jobs", ({ payload }) => {
      heard.push(payload);
      if (payload === 1) throw new Error("mine");
    });
    client.transaction((tx) => [1, 2, 3].map((n) => tx.notify("jobs", n)));
    await tick();
    expect(heard).toEqual([1, 2, 3]);
    expect((await warned).message).toContain("mine");
  });

  test("a busy timeout beyond SQLite's numbers is its longest, not none", () => {
    const patient = open(join(folder, "patient.db"), { engine, busyTimeoutMs: 2 ** 40 });
    expect(patient.driver.prepare("PRAGMA busy_timeout").get()).toEqual([2 ** 31 - 1]);
    patient.close();
  });

  test("messages go out with the commit and not at all on rollback", async () => {
    const heard: Notification[] = [];
    const stop = client.listen("jobs", (message) => heard.push(message));
    client.transaction((tx) => {
      tx.notify("jobs", { n: 1 });
      tx.notify("other", { n: 2 });
    });
    expect(heard).toEqual([]);
    await tick();
    expect(() =>
      client.transaction((tx) => {
        tx.notify("jobs", { n: 3 });
        throw new Error("no");
      }),
    ).toThrow("no");
    client.notify("jobs", null);
    await tick();
    expect(heard.map(({ payload }) => payload)).toEqual([{ n: 1 }, null]);
    expect(heard[0]?.id).toBeLessThan(heard[1]?.id as number);
    stop();
    client.notify("jobs", "unheard");
    await tick(20);
    expect(heard).toHaveLength(2);
    expect(() => client.notify("jobs", () => {})).toThrow(expect.objectContaining({ code: "invalid_parameter" }));
  });

  test("a message of another process wakes a listener", async () => {
    const other = await startClient(client.path, engine);
    const latencies: number[] = [];
    for (let round = 0; round < 30; round++) {
      const heard = new Promise<number>((done) => {
        const stop = client.listen("ping", () => {
          done(Number(process.hrtime.bigint() / 1_000n));
          stop();
        });
      });
      const { at } = await other.run(`client.notify("ping", ${round})`);
      latencies.push((await heard) - at);
    }
    latencies.sort((a, b) => a - b);
    expect(latencies[15]).toBeLessThan(20_000);
    await other.end();
  });

  test("a file that is replaced under a watcher is reported once", async () => {
    let lost = 0;
    client.watch({ onCommit: () => {}, onLost: () => lost++ });
    const other = open(join(folder, "b.db"), { engine });
    other.close();
    if (engine === "honker")
      for (const suffix of ["-wal", "-shm"]) if (existsSync(join(folder, `b.db${suffix}`))) rmSync(join(folder, `b.db${suffix}`));
    renameSync(join(folder, "b.db"), client.path);
    const deadline = performance.now() + 5_000;
    while (lost === 0 && performance.now() < deadline) await tick(20);
    await tick(50);
    expect(lost).toBe(1);
  });

  test("during an async transaction sync writers are refused, async ones wait, readers see committed rows", async () => {
    const order: string[] = [];
    const first = client.transaction(async (tx) => {
      tx.execute("INSERT INTO t (v) VALUES ('first')");
      await tick(30);
      tx.execute("INSERT INTO t (v) VALUES ('first')");
      order.push("first");
    });
    expect(count()).toBe(0);
    expect(() => client.transaction((tx) => tx.execute("INSERT INTO t (v) VALUES ('sync')"))).toThrow(
      expect.objectContaining({ code: "writer_busy", retryable: true }),
    );
    expect(() => client.notify("jobs", 1)).toThrow(expect.objectContaining({ code: "writer_busy" }));
    const second = client.transaction(async (tx) => {
      order.push(`second sees ${tx.query("SELECT count(*) AS n FROM t")[0]?.n}`);
    });
    await Promise.all([first, second]);
    expect(order).toEqual(["first", "second sees 2"]);
    client.transaction((tx) => tx.execute("INSERT INTO t (v) VALUES ('sync')"));
    expect(count()).toBe(3);
  });

  test("a failed async transaction is rolled back and frees the writer; its tx is dead afterwards", async () => {
    let kept: { execute(sql: string): unknown } | undefined;
    await expect(
      client.transaction(async (tx) => {
        kept = tx;
        tx.execute("INSERT INTO t (v) VALUES (1)");
        await tick();
        throw new Error("mine");
      }),
    ).rejects.toThrow("mine");
    expect(count()).toBe(0);
    expect(() => kept?.execute("INSERT INTO t (v) VALUES (2)")).toThrow(expect.objectContaining({ code: "transaction_closed" }));
    client.transaction((tx) => tx.execute("INSERT INTO t (v) VALUES (3)"));
    expect(count()).toBe(1);
  });

  test("temporary tables, attached files and savepoints work through the driver", () => {
    const { driver } = client;
    driver.exec("CREATE TEMP TABLE scratch (v); INSERT INTO scratch VALUES (1)");
    expect(driver.prepare("SELECT v FROM scratch").all()).toEqual([[1]]);
    driver.exec("SAVEPOINT a; INSERT INTO t (v) VALUES (1); SAVEPOINT b; INSERT INTO t (v) VALUES (2); ROLLBACK TO b; RELEASE b");
    expect(driver.inTransaction).toBe(true);
    driver.exec("RELEASE a");
    expect(driver.inTransaction).toBe(false);
    expect(count()).toBe(1);
    expect(() => driver.exec("INSERT OR ROLLBACK INTO t (id) VALUES (1)")).toThrow();
    expect(() => driver.exec("BEGIN; INSERT INTO t (v) VALUES (5); INSERT OR ROLLBACK INTO t (id) VALUES (1)")).toThrow();
    expect(driver.inTransaction).toBe(false);
    expect(count()).toBe(1);
  });

  test("pragmas and EXPLAIN answer in SQLite's column order; equal names are kept", () => {
    const { driver } = client;
    expect(driver.prepare("PRAGMA table_info(t)").all()).toEqual([
      [0, "id", "INTEGER", 0, null, 1],
      [1, "v", "", 0, null, 0],
    ]);
    expect(driver.prepare("PRAGMA wal_checkpoint").all()[0]).toHaveLength(3);
    expect(driver.prepare("EXPLAIN QUERY PLAN SELECT * FROM t").all()[0]?.[3]).toContain("SCAN");
    const statement = driver.prepare("SELECT id AS a, v AS a, count(*), t.v, 'x' || ? FROM t");
    expect(statement.columns).toEqual(["a", "a", "count(*)", "v", expect.any(String)]);
    expect(statement.get([1])).toHaveLength(5);
  });

  test.each(["all", "get", "run"] as const)("an EXPLAIN through %s does not keep the connection in its snapshot", async (method) => {
    const { driver } = client;
    for (const sql of ["EXPLAIN QUERY PLAN SELECT * FROM t", "EXPLAIN DELETE FROM t"]) driver.prepare(sql)[method]();
    expect(count()).toBe(0);
    await (await holdWriteLock(client.path, "INSERT INTO t (v) VALUES (1)")).release();
    expect(count()).toBe(1);
    client.transaction((tx) => tx.execute("INSERT INTO t (v) VALUES (2)"));
    expect(count()).toBe(2);
    driver.exec("VACUUM");
  });

  test("cached statements answer with the names of a changed schema", () => {
    client.driver.prepare("INSERT INTO t (v) VALUES (?)").run(["nul \0"]);
    const names = () => Object.keys(client.query("SELECT * FROM t")[0] ?? {});
    expect(names()).toEqual(["id", "v"]);
    client.driver.exec("ALTER TABLE t RENAME COLUMN v TO w");
    expect(names()).toEqual(["id", "w"]);
    client.driver.prepare("ALTER TABLE t ADD COLUMN x DEFAULT 5").run();
    expect(names()).toEqual(["id", "w", "x"]);
    client.driver.exec("ALTER TABLE t ADD COLUMN y");
    expect(client.query("SELECT *, 1 FROM t")).toEqual([{ id: 1, w: "nul \0", x: 5, y: null, 1: 1 }]);
  });

  test("a committed read refuses what may write", () => {
    expect(() => client.driver.prepareCommitted("DELETE FROM t")).toThrow(expect.objectContaining({ code: "sql" }));
  });
});

test.runIf(isHonkerInstalled())("a raw Honker database is adopted, and adopted again without a second lease", () => {
  const folder = mkdtempSync(join(tmpdir(), "cuitty-open-"));
  const native = loadHonker().open(join(folder, "a.db"));
  const client = open(native);
  const again = open(native);
  client.driver.exec("CREATE TABLE t (v); INSERT INTO t VALUES (x'00ff')");
  expect(again.query("SELECT v FROM t")[0]?.v).toEqual(Buffer.from([0, 255]));
  const byPath = open(join(folder, "a.db"), { engine: "honker" });
  expect(byPath.path).toBe(client.path);
  for (const each of [client, again, byPath]) each.close();
  expect(native.query("SELECT count(*) AS n FROM t")).toEqual([{ n: 1 }]);
  native.close();
  rmSync(folder, { recursive: true, force: true });
});

test("unknown engines and memory with honker are refused", () => {
  expect(() => open("x.db", { engine: "other" as never })).toThrow(expect.objectContaining({ code: "invalid_option" }));
  if (isHonkerInstalled())
    expect(() => open(":memory:", { engine: "honker" })).toThrow(expect.objectContaining({ code: "unsupported_location" }));
  const memory = open(":memory:");
  memory.transaction((tx) => tx.execute("CREATE TABLE t (v)"));
  expect(memory.query("SELECT count(*) AS n FROM t")).toEqual([{ n: 0 }]);
  memory.close();
});
