import fc from "fast-check";
import Database from "libsql";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type EventPage, type ModuleBench, openModuleBench } from "../shared/test-tools/module-bench.ts";
import { logs } from "./logs.ts";
import { indexOldRows } from "./search-index.ts";

const line = (message: string, extra: object = {}): object => ({ level: "info", message, ...extra });

let bench: ModuleBench;
beforeEach(async () => {
  bench = await openModuleBench(logs({ search: true }));
});
afterEach(() => bench.close());

const search = (query: object, projectId = "p1"): Promise<EventPage> => bench.call("searchLogs", projectId, { query });
const found = async (q: string, query: object = {}): Promise<unknown[]> =>
  (await search({ q, ...query })).events.map(({ data }) => data.message);
const check = (): Promise<void> =>
  bench.file.transact((tx) => void tx.run("INSERT INTO logs_search (logs_search, rank) VALUES ('integrity-check', 1)"));

describe("searching log messages", () => {
  test("words, phrases, beginnings, exclusions; diacritics and case do not matter", async () => {
    await bench.send("p1", [
      line("connection timeout after 30 s"),
      line("Timeout while reading /api/projects, user_4999"),
      line("connected to db-1.example.com:5432"),
      line("Größe überschritten"),
    ]);
    expect(await found("timeout")).toEqual(["Timeout while reading /api/projects, user_4999", "connection timeout after 30 s"]);
    expect(await found("timeout connection")).toEqual(["connection timeout after 30 s"]);
    expect(await found('"timeout after"')).toEqual(["connection timeout after 30 s"]);
    expect(await found('"after timeout"')).toEqual([]);
    expect(await found("connect*")).toEqual(["connected to db-1.example.com:5432", "connection timeout after 30 s"]);
    expect(await found("timeout -reading")).toEqual(["connection timeout after 30 s"]);
    expect(await found("-timeout")).toEqual(["Größe überschritten", "connected to db-1.example.com:5432"]);
    expect(await found("user_4999")).toHaveLength(1);
    expect(await found("db-1.example.com:5432")).toHaveLength(1);
    expect(await found("/api/projects")).toHaveLength(1);
    expect(await found("grosse OR groesse")).toEqual([]);
    expect(await found("GRÖSSE")).toEqual([]);
    expect(await found("größe")).toEqual(["Größe überschritten"]);
    expect(await found("uberschritten")).toEqual(["Größe überschritten"]);
  });

  test("level, service, module, trace, fields and age can be typed, or given as parameters", async () => {
    const tsMs = Date.now() - 3_600_000;
    await bench.send(
      "p1",
      [
        line("a timeout", { level: "error", service: "api", module: "cart", traceId: "t1", fields: { requestId: "abc", "odd'$.name": 1 } }),
        line("b timeout", { level: "warn", service: "web", fields: { requestId: "abcd" } }),
        line("c timeout"),
      ],
      { tsMs },
    );
    expect(await found("timeout level>=warn")).toEqual(["b timeout", "a timeout"]);
    expect(await found("timeout level:warn")).toEqual(["b timeout"]);
    expect(await found("service:api")).toEqual(["a timeout"]);
    expect(await found("module:cart trace:t1")).toEqual(["a timeout"]);
    expect(await found("field.requestId=abc")).toEqual(["a timeout"]);
    expect(await found("field.odd'$.name=1")).toEqual(["a timeout"]);
    expect(await found("timeout since:2h")).toHaveLength(3);
    expect(await found("timeout since:30m")).toEqual([]);
    expect(await found("timeout", { service: "web" })).toEqual(["b timeout"]);
    await expect(search({ q: "since:soon" })).rejects.toMatchObject({ code: "invalid_request" });
    await expect(search({ q: "level>=own" })).rejects.toMatchObject({ code: "invalid_request" });
    await expect(search({ q: "a ".repeat(40) })).rejects.toMatchObject({ code: "invalid_request" });
  });

  test("whatever is typed is text, never syntax", async () => {
    await bench.send("p1", [line('foo AND "x a-b user:1 *')]);
    for (const q of [
      "a-b",
      "user:1",
      '"x',
      "*",
      "foo AND",
      "NEAR(",
      "message:foo",
      "{message}",
      "^foo",
      "foo*bar",
      '"""',
      "-",
      '-"',
      "()",
      "project_id:p2",
      "\0",
      "\ud800",
    ]) {
      await expect(search({ q })).resolves.toHaveProperty("events");
    }
    expect(await found("foo AND")).toHaveLength(1);
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "binary", maxLength: 60 }), async (q) => {
        await search({ q }).catch((error: { code?: string }) => expect(error.code).toBe("invalid_request"));
      }),
      { numRuns: 500 },
    );
  });

  test("another project's messages are not found, also when its name contains the other's", async () => {
    await bench.send("p1", [line("mine secret")]);
    await bench.send("p1-x", [line("theirs secret")]);
    expect(await found("secret")).toEqual(["mine secret"]);
    expect((await search({ q: "secret" }, "p1-x")).events).toHaveLength(1);
    expect((await search({ q: "secret" }, "p")).events).toEqual([]);
  });

  test("pages hold every match once, also where few of many matches meet the other conditions", async () => {
    for (let batch = 0; batch < 9; batch++) {
      await bench.send(
        "p1",
        Array.from({ length: 3_000 }, (_, index) => line(`common ${batch}/${index}`, { service: index % 1_000 === 0 ? "rare" : "s" })),
      );
    }
    const seen: string[] = [];
    let pages = 0;
    for (let cursor: string | null | undefined; cursor !== null; pages++) {
      const page: EventPage = await search({ q: "common", service: "rare", limit: 20, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.events.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    expect([seen.length, new Set(seen).size]).toEqual([27, 27]);
    expect(pages).toBeLessThanOrEqual(4);
    await expect(search({ q: "common", cursor: "AAAA" })).rejects.toMatchObject({ code: "invalid_cursor" });
  });

  test("what retention deletes leaves the index, what comes again gets in once", async () => {
    const { ids } = await bench.send("p1", [line("first alpha"), line("second alpha")]);
    await bench.send("p1", [line("first alpha")], { ids: [ids[0] as string] });
    await bench.file.transact((tx) => tx.run("DELETE FROM logs_events WHERE seq = 1"));
    expect(await found("alpha")).toEqual(["second alpha"]);
    await check();
    await bench.file.transact((tx) => tx.run("DELETE FROM logs_events"));
    await bench.send("p1", [line("third alpha")]);
    expect(await found("alpha")).toEqual(["third alpha"]);
    await check();
  });
});

describe("the index", () => {
  const indexedTo = async () => (await bench.file.all("SELECT to_seq FROM logs_search_range"))[0]?.[0];
  const many = (count: number, word: string) => Array.from({ length: count }, (_, index) => line(`${word} ${index}`));

  test("takes records in portions while nobody searches, and to the last one for whoever does", async () => {
    await bench.send("p1", many(1_500, "first"));
    expect(await indexedTo()).toBe(0);
    await bench.send("p1", many(600, "second"));
    expect(await indexedTo()).toBe(2_100);
    await bench.send("p1", [line("the last")]);
    expect(await indexedTo()).toBe(2_100);
    expect(await found("last")).toEqual(["the last"]);
    expect(await indexedTo()).toBe(2_101);
    await check();
  });

  test("answers from what it has where nothing can be written", async () => {
    await bench.send("p1", [line("indexed word")]);
    expect(await found("word")).toEqual(["indexed word"]);
    await bench.send("p1", [line("later word")]);
    const other = new Database(bench.path);
    other.exec("BEGIN IMMEDIATE");
    expect(await found("word")).toEqual(["indexed word"]);
    other.exec("ROLLBACK");
    other.close();
    expect(await found("word")).toEqual(["later word", "indexed word"]);
  });
});

describe("turning search on for a file that has records", () => {
  test("new records are found when the old ones are indexed, however many there were, and deletions stay right", async () => {
    await bench.close();
    bench = await openModuleBench(logs());
    for (let batch = 0; batch < 13; batch++)
      await bench.send(
        "p1",
        Array.from({ length: 1_000 }, (_, index) => line(`old ${batch}/${index}`)),
      );
    await bench.file.transact((tx) => tx.run("DELETE FROM logs_events WHERE seq <= 10"));
    const plan = logs({ search: true });
    await bench.use(plan);
    await bench.send("p1", [line("new one")]);
    expect(await found("new")).toEqual([]);
    expect(await indexOldRows(bench.file)).toBe(12_991);
    expect(await indexOldRows(bench.file)).toBe(0);
    expect(await found("new")).toEqual(["new one"]);
    await bench.send("p1", [line("new two")]);
    expect(await found("new")).toEqual(["new two", "new one"]);
    expect((await search({ q: "old", limit: 500 })).events).toHaveLength(500);
    await bench.file.transact((tx) => tx.run("DELETE FROM logs_events WHERE seq <= 3000"));
    await check();
  });

  test("a file of before the index was made anew keeps its records, and its index is filled again", async () => {
    const plan = logs({ search: true });
    await bench.use({ ...plan, migrations: plan.migrations.slice(0, 2), name: "older" });
    await bench.file.transact((tx) => {
      const columns = "project_id, id, ts, ts_ms, received_at, level, severity, data";
      for (const word of ["one", "two"]) {
        tx.run(`INSERT INTO logs_events (${columns}) VALUES ('p1', ?, '', 1, 1, 'info', 9, ?)`, [
          word,
          JSON.stringify({ message: `old ${word}` }),
        ]);
      }
      tx.run("INSERT INTO logs_search (rowid, project_id, message) SELECT seq, project_id, message FROM logs_events");
      tx.run("UPDATE logs_search_range SET to_seq = 2");
      tx.run("DELETE FROM logs_events WHERE id = 'one'");
    });
    await bench.use({ ...plan, name: "older" });
    expect((await bench.file.all("SELECT id, message FROM logs_events JOIN logs_messages USING (seq)")).flat()).toEqual(["two", "old two"]);
    expect(await indexOldRows(bench.file)).toBe(1);
    await check();
    expect(await found("old")).toEqual(["old two"]);
  });
});
