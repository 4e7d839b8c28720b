// Module files: exactly once per key, whole or not at all, in groups, and unharmed by neighbours and foreign locks.
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Driver } from "../engine/driver.ts";
import { holdWriteLock, readElsewhere } from "../engine/testing/lock-holder.ts";
import { drizzle } from "../sqlite/drizzle.ts";
import { openModuleFile } from "./open-module-file.ts";
import type { IngestWrite, Migration, ModuleFile } from "./types.ts";

const migrations: Migration[] = [
  {
    version: 1,
    name: "events",
    statements: [
      "CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL, id TEXT, body TEXT NOT NULL, UNIQUE (project, id))",
    ],
  },
];
const sha256 = (text: string): Uint8Array => createHash("sha256").update(text).digest();

let folder: string;
let file: ModuleFile;
const open = (name = "logs.db", extra = {}) => openModuleFile({ location: join(folder, name), migrations, ...extra });
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "cuitty-module-file-"));
  file = await open();
});
afterEach(async () => {
  await file.close();
  rmSync(folder, { recursive: true, force: true });
});

function request(key: string | undefined, ids: readonly string[], extra: Partial<IngestWrite> = {}): IngestWrite {
  const rows = ids.map((id) => ["p1", id, `{"id":"${id}"}`]);
  return {
    projectId: "p1",
    idempotencyKey: key,
    fingerprint: sha256(ids.join()),
    note: `{"n":${ids.length}}`,
    statements: [{ table: "events", columns: ["project", "id", "body"], rows, onConflict: "ignore" }],
    nowMs: 1_000,
    ...extra,
  };
}
const count = async (table = "events") => (await file.all(`SELECT count(*) FROM ${table}`))[0]?.[0];
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => `e${from + index}`);

test("a body's transaction ends with it, and refuses what moves it also behind a comment", async () => {
  const kept = await file.transact((tx) => ({ tx }));
  expect(() => kept.tx.run("DELETE FROM events")).toThrow(expect.objectContaining({ code: "transaction_closed" }));
  for (const sql of ["COMMIT", "/* x */ commit", "-- x\nROLLBACK", ";END"]) {
    await expect(file.transact((tx) => tx.run(sql))).rejects.toMatchObject({ code: "sql", message: expect.stringContaining("moves it") });
  }
});

describe("one request", () => {
  test("a key is written once and replayed with its first counts and note", async () => {
    expect(await file.write(request("k1", ["a", "b"]))).toEqual({ status: "written", inserted: 2, duplicate: 0, note: '{"n":2}' });
    expect(await file.write(request("k2", ["b", "c"]))).toEqual({ status: "written", inserted: 1, duplicate: 1, note: '{"n":2}' });
    expect(await file.write(request("k2", ["b", "c"], { note: "other" }))).toEqual({
      status: "replayed",
      inserted: 1,
      duplicate: 1,
      note: '{"n":2}',
    });
    expect(await file.write(request("k2", ["x"]))).toEqual({ status: "mismatch" });
    expect(await file.write(request("k2", ["b", "c"], { projectId: "p2" }))).toMatchObject({ status: "written" });
    expect(await count()).toBe(3);
  });

  test("without a key only event ids prevent duplicates", async () => {
    await file.write(request(undefined, ["a"]));
    expect(await file.write(request(undefined, ["a", "b"]))).toEqual({ status: "written", inserted: 1, duplicate: 1, note: '{"n":2}' });
    expect(await count("_inbox")).toBe(0);
  });

  test("told how many events there are, it counts each once, whatever the rows", async () => {
    await file.transact((tx) => tx.run("CREATE TABLE tags (id TEXT, tag TEXT, UNIQUE (id, tag))"));
    const [events] = request("k", ["a", "b"]).statements;
    const tags = {
      table: "tags",
      columns: ["id", "tag"],
      rows: ["a", "b"].flatMap((id) => [
        [id, "x"],
        [id, "y"],
      ]),
      onConflict: "ignore",
    } as const;
    const plain = { sql: "INSERT INTO events (project, id, body) VALUES ('p1', 'z', '')" };
    const counts = async (key: string, extra: Partial<IngestWrite>) => {
      const first = await file.write(request(key, ["a", "b"], extra));
      const replayed = await file.write(request(key, ["a", "b"], extra));
      expect(replayed).toEqual({ ...first, status: "replayed" });
      return first.status === "written" && [first.inserted, first.duplicate];
    };
    expect(await counts("k1", { events: 2, statements: [tags, events as typeof tags] })).toEqual([2, 0]);
    expect(await counts("k2", { events: 2, statements: [tags, events as typeof tags] })).toEqual([0, 2]);
    expect(await counts("k3", { events: 2, statements: [plain] })).toEqual([2, 0]);
    expect(
      await counts("k4", { events: 3, statements: [events as typeof tags], interactive: () => ({ inserted: 0, duplicate: 1 }) }),
    ).toEqual([0, 3]);
    await expect(file.write(request("k5", ["c"], { events: -1 }))).rejects.toMatchObject({ code: "invalid_parameter" });
  });

  test("interactive work sees earlier rows and its counts are added", async () => {
    const interactive: IngestWrite["interactive"] = (tx) => {
      const [[last]] = tx.all("SELECT coalesce(max(seq), 0) FROM events") as [[number]];
      return {
        inserted: tx.insert({ table: "events", columns: ["project", "id", "body"], rows: [["p1", `chain-${last}`, "{}"]] }),
        duplicate: 1,
      };
    };
    const both = await Promise.all([file.write(request("k1", [], { interactive })), file.write(request("k2", ["z"], { interactive }))]);
    expect(both).toMatchObject([
      { inserted: 1, duplicate: 1 },
      { inserted: 2, duplicate: 1 },
    ]);
    expect(await file.write(request("k2", ["z"], { interactive }))).toMatchObject({ status: "replayed", inserted: 2, duplicate: 1 });
    expect(await file.all("SELECT id FROM events ORDER BY seq")).toEqual([["chain-0"], ["chain-1"], ["z"]]);
  });

  test("a wrong row, an async body and a torn transaction are typed errors", async () => {
    const rows = [["p1", "a"]];
    await expect(
      file.write(request("k", [], { statements: [{ table: "events", columns: ["project", "id", "body"], rows }] })),
    ).rejects.toMatchObject({ code: "invalid_parameter" });
    await expect(file.write(request("k", [], { fingerprint: new Uint8Array(3) }))).rejects.toMatchObject({ code: "invalid_parameter" });
    await expect(file.write(request("k", [], { interactive: (async () => ({})) as never }))).rejects.toMatchObject({
      code: "async_transaction",
    });
    await expect(file.transact((tx) => tx.run("COMMIT"))).rejects.toMatchObject({ code: "sql" });
    expect(await count("_inbox")).toBe(0);
    expect(await file.write(request("k", ["a"]))).toMatchObject({ status: "written" });
  });
});

describe("groups", () => {
  test("writes that wait share commits, in order, and duplicates inside a group are replayed", async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, index) => file.write(request(`k${index % 20}`, range((index % 20) * 10, (index % 20) * 10 + 10)))),
    );
    expect(outcomes.filter(({ status }) => status === "written")).toHaveLength(20);
    expect(outcomes.slice(20).every(({ status }) => status === "replayed")).toBe(true);
    expect(await count()).toBe(200);
    const { commits, groupSize } = file.stats();
    expect(commits).toBeLessThan(5);
    expect(groupSize).toBeGreaterThan(5);
    expect((await file.all("SELECT id FROM events ORDER BY seq")).map(([id]) => id)).toEqual(range(0, 200));
  });

  test("a bad request fails alone and its neighbours are written", async () => {
    const bad = request("bad", ["x"], { statements: [{ table: "events", columns: ["project", "id", "body"], rows: [["p1", "x", null]] }] });
    const results = await Promise.allSettled([
      file.write(request("k1", ["a"])),
      file.write(bad),
      file.write(request("k2", ["b"])),
      file.write(request("k1", ["a"])),
    ]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"]);
    expect((results[1] as PromiseRejectedResult).reason).toMatchObject({
      code: "constraint",
      details: { kind: "not_null", columns: ["body"] },
    });
    expect((results[3] as PromiseFulfilledResult<unknown>).value).toMatchObject({ status: "replayed" });
    expect(await count()).toBe(2);
    expect(await count("_inbox")).toBe(2);
  });

  test("a group holds at most 1,600 rows and 4 MiB, and a larger request is still written whole", async () => {
    const before = file.stats().commits;
    await Promise.all(Array.from({ length: 4 }, (_, index) => file.write(request(`k${index}`, range(index * 800, index * 800 + 800)))));
    expect(file.stats().commits - before).toBe(4);
    await file.write(request("big", range(10_000, 15_000)));
    expect(await count()).toBe(8_200);
    const heavy = (id: string) =>
      request(id, [], { statements: [{ table: "events", columns: ["project", "id", "body"], rows: [["p1", id, "x".repeat(3_000_000)]] }] });
    const start = file.stats().commits;
    await Promise.all([file.write(heavy("h1")), file.write(heavy("h2"))]);
    expect(file.stats().commits - start).toBe(2);
  });

  test("an aborted wait leaves the queue, a transaction stands alone and FIFO", async () => {
    const controller = new AbortController();
    const order: string[] = [];
    const writes = [
      file.write(request("k1", ["a"])).then(() => order.push("k1")),
      file.transact((tx) => tx.run("DELETE FROM events")).then((deleted) => order.push(`deleted ${deleted}`)),
      file.write(request("k2", ["b"]), { signal: controller.signal }).catch((error: Error) => order.push(error.name)),
      file.write(request("k3", ["c"])).then(() => order.push("k3")),
    ];
    controller.abort();
    await Promise.all(writes);
    expect(order).toEqual(["AbortError", "k1", "deleted 1", "k3"]);
    expect(await file.all("SELECT id FROM events")).toEqual([["c"]]);
  });

  test("a transaction that throws is rolled back with its own error", async () => {
    const failure = new Error("mine");
    await expect(
      file.transact((tx) => {
        tx.run("INSERT INTO events (project, id, body) VALUES ('p', 'x', '{}')");
        throw failure;
      }),
    ).rejects.toBe(failure);
    expect(await count()).toBe(0);
  });
});

describe("a lock of another process", () => {
  test("writes are busy within the configured time while timers fire; afterwards all works", async () => {
    const holder = await holdWriteLock(join(folder, "logs.db"), "INSERT INTO events (project, id, body) VALUES ('p1', 'theirs', '{}')");
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const start = performance.now();
    const results = await Promise.allSettled([
      file.write(request("k1", ["a"])),
      file.write(request("k2", ["b"])),
      file.transact((tx) => tx.run("DELETE FROM events")),
    ]);
    const elapsed = performance.now() - start;
    clearInterval(timer);
    for (const result of results) expect((result as PromiseRejectedResult).reason).toMatchObject({ code: "busy", retryable: true });
    expect(elapsed).toBeGreaterThan(150);
    expect(elapsed).toBeLessThan(600);
    expect(ticks).toBeGreaterThan(5);
    expect(await count()).toBe(0);
    const late = file.write(request("k1", ["a"]));
    await holder.release();
    await late;
    await file.write(request("k2", ["b"]));
    await file.close();
    expect(await readElsewhere(join(folder, "logs.db"), "SELECT id FROM events ORDER BY seq")).toEqual([["theirs"], ["a"], ["b"]]);
  });
});

describe.each([
  ["deleted", (path: string) => rmSync(path)],
  ["moved", (path: string) => renameSync(path, `${path}.old`)],
  [
    "replaced",
    (path: string) => {
      copyFileSync(path, `${path}.new`);
      renameSync(`${path}.new`, path);
    },
  ],
])("a file that is %s while it is open", (_, takeAway) => {
  test("acknowledges nothing more", async () => {
    await file.write(request("k1", ["a"]));
    takeAway(join(folder, "logs.db"));
    const answers = await Promise.allSettled([
      file.write(request("k2", ["b"])),
      file.write(request("k3", ["c"])),
      file.transact((tx) => tx.run("DELETE FROM events")),
      file.all("SELECT 1"),
    ]);
    for (const answer of answers) {
      expect(answer).toMatchObject({
        status: "rejected",
        reason: { code: "io", retryable: true, message: expect.stringContaining("logs.db") },
      });
    }
  });
});

describe("the file", () => {
  test("sweeps old inbox rows, 500 a call", async () => {
    await Promise.all(
      Array.from({ length: 700 }, (_, index) => file.write(request(`k${index}`, [], { nowMs: index < 600 ? 1_000 : 5_000 }))),
    );
    expect([await file.sweepInbox(2_000), await file.sweepInbox(2_000), await file.sweepInbox(2_000)]).toEqual([500, 100, 0]);
    expect(await count("_inbox")).toBe(100);
  });

  test("is backed up while writes go on and never over another file", async () => {
    const target = join(folder, "copy.db");
    const writes = Array.from({ length: 50 }, (_, index) => file.write(request(`k${index}`, [`e${index}`])));
    const copied = file.backup(target);
    const later = file.write(request("later", ["later"]));
    await Promise.all([...writes, copied, later]);
    expect(await readElsewhere(target, "SELECT count(*) FROM events")).toEqual([[50]]);
    expect(statSync(target).mode & 0o777).toBe(0o600);
    await expect(file.backup(target)).rejects.toMatchObject({ code: "backup_exists" });
    await expect(file.backup(join(folder, "none", "copy.db"))).rejects.toMatchObject({ code: "io" });
  });

  test("is checkpointed, readable by its owner alone, and opens again with its rows", async () => {
    await file.write(request("k1", ["a"]));
    expect(file.stats().walBytes).toBeGreaterThan(0);
    expect(await file.all("PRAGMA synchronous")).toEqual([[2]]);
    const closing = file.write(request("k2", ["b"]));
    await Promise.all([closing, file.close(), file.close()]);
    await expect(file.write(request("k3", ["c"]))).rejects.toMatchObject({ code: "closed" });
    await expect(file.all("SELECT 1")).rejects.toMatchObject({ code: "closed" });
    const path = join(folder, "logs.db");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(existsSync(`${path}-wal`) ? statSync(`${path}-wal`).size : 0).toBe(0);
    file = await open();
    expect(await count()).toBe(2);
  });

  test("is examined by its doctor and read through Drizzle", async () => {
    await file.write(request("k1", ["a", "b"]));
    expect(await file.doctor?.()).toMatchObject({ engine: "libsql", synchronous: "FULL", problems: [] });
    const events = sqliteTable("events", { seq: integer("seq").primaryKey(), id: text("id") });
    expect(
      await drizzle(file.driver as Driver)
        .select({ id: events.id })
        .from(events)
        .orderBy(events.seq),
    ).toEqual([{ id: "a" }, { id: "b" }]);
  });

  test("two opens of one path share one connection and both must be closed", async () => {
    const second = await open();
    await Promise.all([file.write(request("k1", ["a"])), second.write(request("k2", ["b"])), second.write(request("k1", ["a"]))]);
    await second.close();
    expect(await count()).toBe(2);
    await file.write(request("k3", ["c"]));
  });

  test("of a newer version, another kind or a changed migration is refused", async () => {
    await file.close();
    await expect(openModuleFile({ location: join(folder, "logs.db"), migrations: [] })).rejects.toMatchObject({ code: "file_newer" });
    const changed = [{ ...migrations[0]!, statements: ["CREATE TABLE other (x)"] }];
    await expect(openModuleFile({ location: join(folder, "logs.db"), migrations: changed })).rejects.toMatchObject({
      code: "migration_changed",
    });
    await expect(openModuleFile({ location: join(folder, "no", "logs.db"), migrations })).rejects.toMatchObject({ code: "io" });
    file = await open();
  });
});
