// Remote module files against a libSQL server over HTTP: the same promises, through lost replies, refusals and a lock.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type LibsqlHttp, startLibsqlHttp } from "../../../../test/support/libsql-http.ts";
import { holdWriteLock } from "../engine/testing/lock-holder.ts";
import { openModuleFile } from "./open-module-file.ts";
import { withoutSecrets } from "./remote-client.ts";
import type { IngestWrite, Migration, ModuleFile } from "./types.ts";

const migrations: Migration[] = [
  {
    version: 1,
    name: "events",
    statements: [
      "CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL, id TEXT, body NOT NULL, UNIQUE (project, id))",
    ],
  },
];
let folder: string;
let server: LibsqlHttp;
let file: ModuleFile;
const open = (extra = {}) => openModuleFile({ location: server.url, authToken: "secret", migrations, ...extra });
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "cuitty-remote-"));
  server = await startLibsqlHttp(join(folder, "remote.db"), "secret");
  file = await open();
});
afterEach(async () => {
  server.fault = "none";
  await file.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

function request(key: string | undefined, ids: readonly string[], extra: Partial<IngestWrite> = {}): IngestWrite {
  const fingerprint = createHash("sha256").update(ids.join()).digest();
  const rows = ids.map((id) => ["p1", id, `body of ${id}`]);
  return {
    projectId: "p1",
    idempotencyKey: key,
    fingerprint,
    note: `n${ids.length}`,
    statements: [{ table: "events", columns: ["project", "id", "body"], rows, onConflict: "ignore" }],
    nowMs: 1_000,
    ...extra,
  };
}
const count = async () => (await file.all("SELECT count(*) FROM events"))[0]?.[0];

test("a group is one batch; keys are written once, replayed with their counts, and mismatches told", async () => {
  const before = server.requests;
  const first = await Promise.all([
    file.write(request("k1", ["a", "b"])),
    file.write(request("k2", ["b", "c"])),
    file.write(request("k3", ["d"])),
  ]);
  expect(server.requests - before).toBe(1);
  expect(first).toEqual([
    { status: "written", inserted: 2, duplicate: 0, note: "n2" },
    { status: "written", inserted: 1, duplicate: 1, note: "n2" },
    { status: "written", inserted: 1, duplicate: 0, note: "n1" },
  ]);
  const again = await Promise.all([
    file.write(request("k2", ["b", "c"])),
    file.write(request("k9", ["z"])),
    file.write(request("k1", ["other"])),
    file.write(request("k9", ["z"])),
  ]);
  expect(again).toEqual([
    { status: "replayed", inserted: 1, duplicate: 1, note: "n2" },
    { status: "written", inserted: 1, duplicate: 0, note: "n1" },
    { status: "mismatch" },
    { status: "replayed", inserted: 1, duplicate: 0, note: "n1" },
  ]);
  expect(await count()).toBe(5);
  expect(file.stats().commits).toBe(2);
});

test("told how many events there are, it counts each once, whatever the rows", async () => {
  const [events] = request("k", ["a", "b"]).statements;
  const more = { ...events, rows: ["a", "b", "c"].map((id) => ["p2", id, ""]) } as typeof events;
  const statements = [more, events] as IngestWrite["statements"];
  const first = await file.write(request("k1", ["a", "b"], { events: 2, statements }));
  expect(first).toMatchObject({ status: "written", inserted: 2, duplicate: 0 });
  expect(await file.write(request("k2", ["a", "b"], { events: 2, statements }))).toMatchObject({ inserted: 0, duplicate: 2 });
  expect(await file.write(request("k2", ["a", "b"], { events: 2, statements }))).toMatchObject({
    status: "replayed",
    inserted: 0,
    duplicate: 2,
  });
  const plain = { sql: "INSERT INTO events (project, id, body) VALUES ('p3', 'z', '')" };
  expect(await file.write(request("k3", ["z"], { events: 1, statements: [plain] }))).toMatchObject({ inserted: 1, duplicate: 0 });
  expect(await file.write(request("k3", ["z"], { events: 1, statements: [plain] }))).toMatchObject({ status: "replayed", inserted: 1 });
});

test("a bad request fails alone with its constraint", async () => {
  const bad = request("bad", [], { statements: [{ table: "events", columns: ["project", "id", "body"], rows: [["p1", "x", null]] }] });
  const results = await Promise.allSettled([file.write(request("k1", ["a"])), file.write(bad), file.write(request("k2", ["b"]))]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect((results[1] as PromiseRejectedResult).reason).toMatchObject({
    code: "constraint",
    details: { kind: "not_null", table: "events", columns: ["body"] },
  });
  expect(await file.all("SELECT key FROM _inbox ORDER BY key")).toEqual([["k1"], ["k2"]]);
});

test("a value the protocol cannot carry fails its request alone", async () => {
  const bad = request("bad", [], {
    statements: [{ table: "events", columns: ["project", "id", "body"], rows: [["p1", "x", undefined as never]] }],
  });
  const results = await Promise.allSettled([file.write(request("k1", ["a"])), file.write(bad), file.write(request("k2", ["b"]))]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect((results[1] as PromiseRejectedResult).reason).toMatchObject({ code: "invalid_parameter" });
});

test.each([
  ["rows that are none", [{ table: "events", columns: ["id"], rows: undefined }]],
  ["a row that is none", [{ table: "events", columns: ["id"], rows: [null] }]],
  ["no columns", [{ table: "events", rows: [["x"]] }]],
  ["no statements", undefined],
])("a malformed request fails alone and the writer goes on: %s", async (_, statements) => {
  const settled = await Promise.allSettled([
    file.write(request("m1", ["a"])),
    file.write(request("m2", [], { statements: statements as never })),
    file.write(request("m3", ["c"])),
  ]);
  expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(await file.write(request("m4", ["d"]))).toMatchObject({ status: "written", inserted: 1 });
});

test.each(["COMMIT", "/* x */ rollback", "-- x\nsavepoint s", "BEGIN IMMEDIATE"])(
  "a statement that moves the transaction is refused, in a request and in a body: %s",
  async (sql) => {
    const refused = { code: "sql", message: expect.stringContaining("moves it") };
    const neighbours = Promise.allSettled([
      file.write(request("m1", ["a"])),
      file.write(request("m2", ["b"], { statements: [{ sql }] })),
      file.write(request("m3", ["c"])),
    ]);
    const [first, second, third] = await neighbours;
    expect([first?.status, third?.status]).toEqual(["fulfilled", "fulfilled"]);
    expect((second as PromiseRejectedResult).reason).toMatchObject(refused);
    await expect(file.transact((tx) => tx.run(sql))).rejects.toMatchObject(refused);
    expect(await count()).toBe(2);
  },
);

test("interactive work and transactions run remotely, each statement once", async () => {
  const interactive: IngestWrite["interactive"] = (tx) => {
    const [[last]] = tx.all("SELECT coalesce(max(seq), 0) FROM events") as [[number]];
    const inserted = tx.insert({ table: "events", columns: ["project", "id", "body"], rows: [["p1", `chain-${last}`, "x"]] });
    return { inserted, duplicate: 0 };
  };
  await Promise.all([
    file.write(request("k1", [], { interactive })),
    file.write(request("k2", [], { interactive })),
    file.write(request("k1", [], { interactive })),
  ]);
  expect(await file.all("SELECT id FROM events ORDER BY seq")).toEqual([["chain-0"], ["chain-1"]]);
  expect(
    await file.transact((tx) => [tx.run("UPDATE events SET body = 'y'"), tx.all("SELECT count(*) FROM events WHERE body = 'y'")[0]?.[0]]),
  ).toEqual([2, 2]);
  const failure = new Error("mine");
  await expect(
    file.transact((tx) => {
      tx.run("DELETE FROM events");
      throw failure;
    }),
  ).rejects.toBe(failure);
  expect(await count()).toBe(2);
  expect(await file.sweepInbox(2_000)).toBe(2);
});

test("a lost reply is retryable, and the retry is a replay: nothing twice", async () => {
  server.fault = "lose-reply";
  await expect(file.write(request("k1", ["a"]))).rejects.toMatchObject({ code: "io", retryable: true });
  server.fault = "unavailable";
  await expect(file.write(request("k2", ["b"]))).rejects.toMatchObject({ code: "io", retryable: true });
  server.fault = "none";
  expect(await file.write(request("k1", ["a"]))).toMatchObject({ status: "replayed", inserted: 1 });
  expect(await file.write(request("k2", ["b"]))).toMatchObject({ status: "written", inserted: 1 });
  expect(await count()).toBe(2);
});

test("values travel exactly", async () => {
  const values = [1, 2 ** 40, 2n ** 62n, 1.5, "é\u{1F600}", new Uint8Array([0, 255])];
  await file.write(
    request(undefined, [], {
      statements: [{ table: "events", columns: ["project", "id", "body"], rows: values.map((value, index) => ["p1", `v${index}`, value]) }],
    }),
  );
  expect(
    (await file.all("SELECT body FROM events ORDER BY seq")).map(([value]) =>
      value instanceof Uint8Array ? new Uint8Array(value) : value,
    ),
  ).toEqual(values);
  expect((await file.all("SELECT typeof(body) FROM events ORDER BY seq")).map(([type]) => type)).toEqual([
    "integer",
    "integer",
    "integer",
    "real",
    "text",
    "blob",
  ]);
  await expect(file.all("SELECT ?", [Number.POSITIVE_INFINITY])).rejects.toMatchObject({ code: "invalid_parameter" });
});

test("a lock on the server's file is busy within the time, afterwards all works", async () => {
  await file.close();
  const holder = await holdWriteLock(join(folder, "remote.db"));
  setTimeout(() => holder.release(), 300);
  file = await open();
  await file.write(request("k1", ["a"]));
  expect(await count()).toBe(1);
});

test("migrations are applied once and checked, wrong tokens and schemes refused, no backup", async () => {
  const second = await open({ migrations: [...migrations, { version: 2, name: "more", statements: ["CREATE TABLE more (x)"] }] });
  expect(await second.all("SELECT count(*) FROM more")).toEqual([[0]]);
  await second.close();
  await expect(open()).rejects.toMatchObject({ code: "file_newer" });
  await expect(open({ migrations: [{ ...migrations[0]!, statements: [] }] })).rejects.toMatchObject({ code: "migration_changed" });
  await expect(open({ authToken: "wrong" })).rejects.toMatchObject({ code: "io", retryable: false });
  await expect(openModuleFile({ location: "ftp://x/y", migrations })).rejects.toMatchObject({ code: "unsupported_location" });
  await expect(file.backup("x")).rejects.toMatchObject({ code: "unsupported" });
  await file.close();
  await expect(file.write(request("k", ["a"]))).rejects.toMatchObject({ code: "closed" });
});

const children: Migration = {
  version: 2,
  name: "children",
  statements: [
    "CREATE TABLE parents (id INTEGER PRIMARY KEY); CREATE TABLE children (parent REFERENCES parents (id) ON DELETE CASCADE)",
    "INSERT INTO parents VALUES (1); INSERT INTO children VALUES (1)",
  ],
};
const reopen = async (...more: Migration[]) => {
  await file.close();
  file = await open({ migrations: [...migrations, ...more] });
};

test("what lets one in may stand in the URL, and stands in no message", async () => {
  const opened = await openModuleFile({ location: `${server.url}?authToken=secret`, migrations });
  expect(opened.location).toBe(withoutSecrets(server.url));
  expect(await opened.all("SELECT 1")).toEqual([[1]]);
  const failures: unknown[] = [await opened.backup("x").catch((error: unknown) => error)];
  server.fault = "unavailable";
  failures.push(await opened.write(request("k", ["a"])).catch((error: unknown) => error));
  server.fault = "none";
  await opened.close();
  failures.push(await opened.write(request("k", ["a"])).catch((error: unknown) => error));
  for (const location of [`${server.url}?authToken=wrong-secret`, "libsql://user:secret@host:port:x", "https://[secret?authToken=secret"]) {
    failures.push(await openModuleFile({ location, migrations }).catch((error: unknown) => error));
  }
  for (const error of failures) {
    const { message, code, details } = error as { message: string; code: string; details: unknown };
    expect(code).toBeDefined();
    expect(`${message} ${JSON.stringify(details)}`).not.toMatch(/wrong-secret|authToken=|user:secret/);
  }
  expect(failures).toHaveLength(6);
});

test("a migration that drops a table with rows of another behind it is refused, one without is not", async () => {
  await reopen(children);
  const drop = { version: 3, name: "drop", statements: ['-- now\nDROP TABLE IF EXISTS main."parents"'] };
  await expect(reopen(children, drop)).rejects.toMatchObject({ code: "unsupported" });
  await reopen(children);
  expect(await file.all("SELECT count(*) FROM children")).toEqual([[1]]);
  await reopen(children, { ...drop, statements: ["DROP TABLE children", ...drop.statements] });
  expect(await file.all("SELECT name FROM sqlite_master WHERE name IN ('parents', 'children')")).toEqual([]);
});

test("a list with a gap is refused before anything runs, and the whole list still fits", async () => {
  await expect(reopen({ ...children, version: 3 })).rejects.toMatchObject({ code: "migration_failed" });
  await reopen(children);
  expect(await file.all("SELECT max(version) FROM _cuitty_migrations")).toEqual([[2]]);
});

test("a migration that fails, or moves its transaction, is a failed migration, and nothing of it stays", async () => {
  for (const statement of ["nonsense", "COMMIT", "INSERT INTO events (project) VALUES ('p')"]) {
    const bad = { version: 2, name: "bad", statements: ["CREATE TABLE extra (a)", statement] };
    await expect(reopen(bad)).rejects.toMatchObject({ code: "migration_failed", message: expect.stringContaining("2 (bad)") });
  }
  await reopen();
  expect(await file.all("SELECT count(*) FROM sqlite_master WHERE name = 'extra'")).toEqual([[0]]);
});
