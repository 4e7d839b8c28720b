import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type EventPage, type ModuleBench, openModuleBench } from "../shared/test-tools/module-bench.ts";
import { logs } from "./logs.ts";

const line = (message: string, extra: object = {}): object => ({ level: "info", message, ...extra });

let bench: ModuleBench;
beforeEach(async () => {
  bench = await openModuleBench(logs());
});
afterEach(() => bench.close());

const list = (query: object = {}, projectId = "p1"): Promise<EventPage> => bench.call("searchLogs", projectId, { query });
const messages = async (query: object = {}): Promise<unknown[]> => (await list(query)).events.map(({ data }) => data.message);

async function pages(query: object, onPage?: () => Promise<unknown>): Promise<EventPage["events"]> {
  const events: EventPage["events"][number][] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: EventPage = await list({ ...query, ...(cursor === undefined ? {} : { cursor }) });
    events.push(...page.events);
    cursor = page.nextCursor;
    await onPage?.();
  }
  return events;
}

describe("the logs module", () => {
  test("what was sent comes back: documented fields as they were, others under meta", async () => {
    const fields = { requestId: "abc", nested: { list: [1, "\u2028", null] }, "": true };
    const { ids } = await bench.send("p1", [
      line("request processed", { module: "api", service: "shop", fields, traceId: "t1", colour: "blue" }),
    ]);
    const { events } = await list();
    expect(events).toEqual([
      {
        id: ids[0],
        seq: 1,
        type: "log",
        ts: "2026-04-27T12:34:56.000Z",
        receivedAt: "2026-04-27T12:34:56.500Z",
        isSkewed: false,
        data: {
          level: "info",
          message: "request processed",
          module: "api",
          service: "shop",
          fields,
          traceId: "t1",
          meta: { colour: "blue" },
        },
      },
    ]);
  });

  test("an event with a known id is stored once in its project", async () => {
    const { ids } = await bench.send("p1", [line("a"), line("b")]);
    expect((await bench.send("p1", [line("a"), line("c")], { ids: [ids[0] as string] })).outcome).toMatchObject({
      inserted: 1,
      duplicate: 1,
    });
    expect((await bench.send("p2", [line("a")], { ids })).outcome).toMatchObject({ inserted: 1, duplicate: 0 });
  });

  test("filters by level, severity, service, module and trace", async () => {
    const levels = ["trace", "debug", "info", "warn", "WARNING", "error", "fatal", "audit-ish"];
    await bench.send("p1", [
      ...levels.map((level) => line(level, { level })),
      line("x", { service: "shop", module: "cart", traceId: "t9" }),
    ]);
    expect(await messages({ level: "warn" })).toEqual(["warn"]);
    expect(await messages({ level: "info" })).toEqual(["x", "info"]);
    expect(await messages({ level: "audit-ish" })).toEqual(["audit-ish"]);
    expect(await messages({ minLevel: "warn" })).toEqual(["fatal", "error", "WARNING", "warn"]);
    expect(await messages({ minLevel: "fatal" })).toEqual(["fatal"]);
    expect(await messages({ minLevel: "trace" })).toHaveLength(9);
    for (const query of [{ service: "shop" }, { module: "cart" }, { traceId: "t9" }, { service: "shop", module: "cart" }]) {
      expect(await messages(query)).toEqual(["x"]);
    }
    expect(await messages({ service: "' OR 1=1 --" })).toEqual([]);
  });

  test("pages hold every event once, newest first, whatever times are equal or out of order", async () => {
    for (let batch = 0; batch < 8; batch++) {
      await bench.send(
        "p1",
        Array.from({ length: 40 }, (_, index) => line(`${batch}/${index}`)),
        { tsMs: 1_777_293_296_000 + (batch % 3) * 10_000 },
      );
      await bench.send("p2", [line("other")]);
    }
    const events = await pages({ limit: 7 });
    expect(new Set(events.map(({ id }) => id)).size).toBe(320);
    const keys = events.map(({ ts, seq }) => [ts, seq] as const);
    expect(keys).toEqual([...keys].sort(([a, m], [b, n]) => (a === b ? n - m : a < b ? 1 : -1)));
    expect(events.every(({ data }) => data.message !== "other")).toBe(true);
  });

  test("a walk through the pages sees what was there when it began exactly once, while events are being written", async () => {
    const { ids } = await bench.send(
      "p1",
      Array.from({ length: 60 }, (_, index) => line(`${index}`)),
    );
    let offsetMs = -100_000;
    const events = await pages({ limit: 5 }, () => {
      offsetMs += 20_000;
      return bench.send("p1", [line("late or early")], { tsMs: 1_777_293_296_000 + offsetMs });
    });
    const seen = events.map(({ id }) => id).filter((id) => ids.includes(id));
    expect(seen).toEqual([...ids].reverse());
  });

  test("a cursor of another project, list or forgery is refused", async () => {
    await bench.send("p1", [line("a"), line("b")]);
    const { nextCursor } = await list({ limit: 1 });
    await expect(list({ cursor: nextCursor }, "p2")).rejects.toMatchObject({ code: "invalid_cursor" });
    await expect(list({ cursor: "AAAA" })).rejects.toMatchObject({ code: "invalid_cursor" });
  });

  test("the last page has no cursor, also when it is full", async () => {
    await bench.send("p1", [line("a"), line("b")]);
    expect((await list({ limit: 2 })).nextCursor).toBeNull();
    expect((await list({ limit: 1 })).nextCursor).not.toBeNull();
    expect(await list({}, "nobody")).toEqual({ events: [], nextCursor: null });
  });

  test("the times asked for hold on every page, wherever its cursor stands", async () => {
    for (let i = 0; i < 8; i++) await bench.send("p1", [line(`m${i}`)], { tsMs: 1_777_293_296_000 + i });
    const at = (i: number): string => String(1_777_293_296_000 + i);
    const from = async (query: object): Promise<unknown[]> => (await pages({ limit: 2, ...query })).map(({ data }) => data.message);
    expect(await from({ until: at(6) })).toEqual(["m5", "m4", "m3", "m2", "m1", "m0"]);
    expect(await from({ since: at(2), until: at(6) })).toEqual(["m5", "m4", "m3", "m2"]);
    const { nextCursor: cursor } = await list({ limit: 3 });
    for (const [until, expected] of [
      [at(3), ["m2", "m1", "m0"]],
      [at(5), ["m4", "m3", "m2", "m1", "m0"]],
      [at(9), ["m4", "m3", "m2", "m1", "m0"]],
    ] as const) {
      expect(await messages({ cursor, until })).toEqual(expected);
    }
  });

  test("an end in time makes a page no dearer, however many rows lie between it and the cursor", async () => {
    await bench.file.transact((tx) =>
      tx.run(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
         INSERT INTO logs_events (project_id, id, ts, ts_ms, received_at, level, severity, data)
         SELECT 'p1', 'e' || i, '2026-04-27T12:34:56.000Z', i, i, 'info', 9, '{"level":"info","message":"m"}' FROM n`,
      ),
    );
    let cursor: string | null | undefined;
    for (let page = 0; page < 38; page++) cursor = (await list({ limit: 500, ...(cursor ? { cursor } : {}) })).nextCursor;
    const leastMs = async (query: object): Promise<number> => {
      let least = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 12; i++) {
        const before = globalThis.performance.now();
        await list({ limit: 1, cursor, ...query });
        least = Math.min(least, globalThis.performance.now() - before);
      }
      return least;
    };
    expect(await leastMs({ until: "99999" })).toBeLessThan((await leastMs({})) * 4);
  });

  test("no list or stream query reads the whole table", async () => {
    await bench.send(
      "p1",
      Array.from({ length: 500 }, (_, index) =>
        line("m", { service: `s${index % 5}`, module: `m${index % 7}`, level: index % 9 === 0 ? "error" : "info" }),
      ),
    );
    await bench.file.transact((tx) => tx.run("ANALYZE"));
    const plans = async (where: string): Promise<string> => {
      const sql = `EXPLAIN QUERY PLAN SELECT id FROM logs_events WHERE project_id = 'p1' AND ${where} ORDER BY ts_ms DESC, seq DESC LIMIT 51`;
      return (await bench.file.all(sql)).map((row) => row.at(-1)).join("; ");
    };
    for (const where of [
      "1",
      "(ts_ms, seq) < (5, 5)",
      "service = 's1'",
      "module = 'm1'",
      "severity >= 13 AND level = 'error'",
      "severity >= 13 AND severity >= 17",
      "ts_ms >= 5",
    ]) {
      expect(await plans(where), where).toMatch(/^SEARCH logs_events USING INDEX logs_events_\w+ \(project_id=\?/);
      expect(await plans(where), where).not.toMatch(/TEMP B-TREE/);
    }
    const stream = await bench.file.all(
      "EXPLAIN QUERY PLAN SELECT seq, data FROM logs_events INDEXED BY logs_events_seq WHERE project_id = 'p1' AND seq > 5 ORDER BY seq LIMIT 500",
    );
    expect(stream.map((row) => row.at(-1)).join("; ")).toBe("SEARCH logs_events USING INDEX logs_events_seq (project_id=? AND seq>?)");
    const expired = await bench.file.all(
      "EXPLAIN QUERY PLAN SELECT rowid FROM logs_events WHERE received_at < 5 ORDER BY received_at LIMIT 500",
    );
    expect(expired.map((row) => row.at(-1)).join("; ")).toMatch(/USING COVERING INDEX logs_events_received \(received_at<\?\)/);
  });

  test("sequence numbers are never used again, not even after everything was deleted and the file opened anew", async () => {
    await bench.send("p1", [line("a"), line("b")]);
    await bench.file.transact((tx) => tx.run("DELETE FROM logs_events"));
    await bench.reopen();
    await bench.send("p1", [line("c")]);
    expect((await list()).events[0]?.seq).toBe(3);
  });

  test("keeps each level as long as asked for", async () => {
    const module = logs({ retentionDays: 30, retentionDaysByLevel: { debug: 1, error: 90, fatal: 0 } });
    const dayMs = 86_400_000;
    const nowMs = 100 * dayMs;
    for (const ageDays of [95, 60, 2, 0]) {
      const levels = ["debug", "info", "notice", "warn", "error", "fatal"].map((level) => line(`${level} ${ageDays}`, { level }));
      await bench.send("p1", [...levels, ...Array.from({ length: 900 }, () => line("filler", { level: "error" }))], {
        receivedAtMs: nowMs - ageDays * dayMs,
      });
    }
    for (const { days, prune } of module.retention) {
      if (days > 0) await prune?.(bench.file, nowMs - days * dayMs, new AbortController().signal);
    }
    const rows = await bench.file.all("SELECT message FROM logs_messages WHERE message <> 'filler' ORDER BY seq");
    expect(rows.flat()).toEqual([
      "fatal 95",
      "error 60",
      "fatal 60",
      "info 2",
      "notice 2",
      "warn 2",
      "error 2",
      "fatal 2",
      "debug 0",
      "info 0",
      "notice 0",
      "warn 0",
      "error 0",
      "fatal 0",
    ]);
    expect(() => logs({ retentionDaysByLevel: { loud: 1 } as never })).toThrow(expect.objectContaining({ code: "invalid_option" }));
  });
});
