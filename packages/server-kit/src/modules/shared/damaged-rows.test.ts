import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { schemaCheck } from "../../route-schema.ts";
import { audit } from "../audit/audit.ts";
import type { ChainReport } from "../audit/verify.ts";
import { logs } from "../logs/logs.ts";
import { type EventPage, type ModuleBench, openModuleBench } from "./test-tools/module-bench.ts";

let bench: ModuleBench;
beforeEach(async () => {
  bench = await openModuleBench(audit());
});
afterEach(() => bench.close());

const tamper = (sql: string): Promise<number> => bench.file.transact((tx) => tx.run(sql));
const event = (actor: string): object => ({ actor, action: "login", resource: "r", colour: "blue" });

type Event = EventPage["events"][number] & { readonly isDamaged?: true };

/** Each page as the route may send it. */
async function pages(operationId: string, limit: number, query: object = {}): Promise<Event[]> {
  const module = operationId === "searchLogs" ? logs() : audit();
  const { reply } = module.routes[0];
  const events: Event[] = [];
  for (let cursor: string | null | undefined, count = 0; cursor !== null && count < 20; count++) {
    const page: EventPage = await bench.call(operationId, "p1", {
      query: { ...query, limit, ...(cursor === undefined ? {} : { cursor }) },
    });
    expect(schemaCheck(reply).problems(page, "reply")).toEqual([]);
    events.push(...page.events);
    cursor = page.nextCursor;
  }
  return events;
}

const damages: readonly (readonly [change: string, data: object])[] = [
  ["meta = ''", { actor: "b", action: "login", resource: "r" }],
  ["meta = '{'", { actor: "b", action: "login", resource: "r" }],
  ["meta = '1,\"x\":2'", { actor: "b", action: "login", resource: "r" }],
  ["data = ''", { meta: { colour: "blue" } }],
  ["data = '{'", { meta: { colour: "blue" } }],
  ["data = 'null'", { meta: { colour: "blue" } }],
  ["data = 'null', meta = NULL", {}],
  ["data = '[]', meta = NULL", {}],
  ["data = '7', meta = NULL", {}],
  ["received_at = 9000000000000000", { actor: "b", action: "login", resource: "r", meta: { colour: "blue" } }],
  ["received_at = 9223372036854775807", { actor: "b", action: "login", resource: "r", meta: { colour: "blue" } }],
  ["is_skewed = 2", { actor: "b", action: "login", resource: "r", meta: { colour: "blue" } }],
];

describe("a damaged row", () => {
  test.each(damages)("%s is listed apart from whole ones, shown with what can be read, and found by verify", async (change, data) => {
    const { ids } = await bench.send("p1", ["a", "b", "c"].map(event));
    expect((await pages("listAuditEvents", 1)).some(({ isDamaged }) => isDamaged)).toBe(false);
    await tamper(`UPDATE audit_events SET ${change} WHERE seq = 2`);
    const events = await pages("listAuditEvents", 1);
    expect(events.map(({ seq, isDamaged }) => [seq, isDamaged])).toEqual([
      [3, undefined],
      [2, true],
      [1, undefined],
    ]);
    expect(events[1]?.data).toEqual(data);
    expect(await bench.call("getAuditEvent", "p1", { params: { id: ids[1] } })).toMatchObject({ seq: 2, isDamaged: true });
    expect(await bench.call<ChainReport>("verifyAuditChain", "p1")).toMatchObject({ ok: false, brokenAt: 2, reason: "content_changed" });
  });

  test("with numbers beyond those of JavaScript does not end the pages, nor repeat them", async () => {
    await bench.send("p1", ["a", "b", "c", "d", "e"].map(event));
    await tamper("UPDATE audit_events SET ts_ms = 9223372036854775807 WHERE seq = 2");
    await tamper("UPDATE audit_events SET ts_ms = -9223372036854775807 WHERE seq = 3");
    await tamper("UPDATE audit_events SET seq = 9223372036854775807 WHERE seq = 4");
    expect((await pages("listAuditEvents", 1)).map(({ data }) => data.actor)).toEqual(["b", "e", "d", "a", "c"]);
  });

  test("leaves the others of a list of logs and of a search", async () => {
    await bench.close();
    bench = await openModuleBench(logs({ search: true }));
    await bench.send(
      "p1",
      ["one", "two", "three"].map((word) => ({ level: "info", message: `word ${word}`, colour: "blue" })),
    );
    await tamper("UPDATE logs_events SET meta = '' WHERE seq = 2");
    for (const query of [{}, { q: "word" }]) {
      const events = await pages("searchLogs", 2, query);
      expect(events.map(({ isDamaged }) => isDamaged)).toEqual([undefined, true, undefined]);
    }
    const [stream] = logs().streams;
    const rows = await stream?.page(bench.file, { projectId: "p1", afterSeq: 0, limit: 9 });
    expect(rows?.map(({ dataJson }) => JSON.parse(dataJson).message)).toEqual(["word one", "word two", "word three"]);
  });
});

describe("an undamaged row", () => {
  test("whose texts are no Unicode passes verify", async () => {
    await bench.send("p1", [event("\ud800"), event("\ufffd")]);
    expect(await bench.call<ChainReport>("verifyAuditChain", "p1")).toMatchObject({ ok: true, checked: 2 });
    await tamper("UPDATE audit_events SET actor = CAST(x'ff' AS TEXT) WHERE seq = 2");
    expect(await bench.call<ChainReport>("verifyAuditChain", "p1")).toMatchObject({ ok: false, reason: "columns_changed" });
  });
});
