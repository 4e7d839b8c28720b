import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type EventPage, type ModuleBench, openModuleBench } from "../shared/test-tools/module-bench.ts";
import { audit } from "./audit.ts";
import { entryHash } from "./entry-hash.ts";
import { pruneEntries } from "./prune.ts";
import type { ChainReport } from "./verify.ts";

const many = (count: number): object[] =>
  Array.from({ length: count }, (_, index) => ({ actor: `user-${index}`, action: "login", resource: "r" }));
const dayMs = 86_400_000;

let bench: ModuleBench;
beforeEach(async () => {
  bench = await openModuleBench(audit());
});
afterEach(() => bench.close());

const verify = (): Promise<ChainReport> => bench.call("verifyAuditChain", "p1");
const tamper = (sql: string): Promise<number> => bench.file.transact((tx) => tx.run(sql));
const listed = async (): Promise<number[]> =>
  (await bench.call<EventPage>("listAuditEvents", "p1", { query: { limit: 500 } })).events.map(({ seq }) => seq);

/** A row as somebody with the file in hand puts it in. */
const forge = (seq: string | number, hash = "zeroblob(32)"): Promise<number> =>
  tamper(`INSERT INTO audit_events (project_id, seq, id, ts, ts_ms, received_at, actor, action, resource, data, prev_hash, hash)
    SELECT project_id, ${seq}, 'forged-' || ${seq}, ts, ts_ms, received_at, 'mallory', action, resource, '{"actor":"mallory","action":"login","resource":"r"}', hash, ${hash}
    FROM audit_events WHERE project_id = 'p1' ORDER BY seq DESC LIMIT 1`);

describe("rows outside the chain", () => {
  test.each([11, 12, 5_000, "9223372036854775807"])("one put in after the end, as %s, is where the chain breaks", async (seq) => {
    await bench.send("p1", many(10));
    await forge(seq);
    expect(await listed()).toContain(Number(seq));
    expect(await verify()).toMatchObject({ ok: false, checked: 10, lastSeq: 10, brokenAt: Number(seq), reason: "after_end" });
  });

  test.each([0, -1])("one put in before the beginning, as %s, is where the chain breaks", async (seq) => {
    await bench.send("p1", many(10));
    await forge(seq);
    expect(await listed()).toContain(seq);
    expect(await verify()).toMatchObject({ ok: false, checked: 10, brokenAt: seq, reason: "before_start" });
  });

  test("one put in among those that were pruned is found", async () => {
    await bench.send("p1", many(10), { receivedAtMs: dayMs });
    await bench.send("p1", many(10), { receivedAtMs: 3 * dayMs });
    await pruneEntries(bench.file, 2 * dayMs);
    expect(await verify()).toMatchObject({ ok: true, firstSeq: 11 });
    await forge(4);
    expect(await verify()).toMatchObject({ ok: false, firstSeq: 11, checked: 10, brokenAt: 4, reason: "before_start" });
  });

  test("an end set back to an older entry hides nothing", async () => {
    await bench.send("p1", many(30));
    await tamper("UPDATE audit_heads SET seq = 10, hash = (SELECT hash FROM audit_events WHERE seq = 10)");
    expect(await verify()).toMatchObject({ ok: false, checked: 10, brokenAt: 11, reason: "after_end" });
  });

  test("a beginning set behind the end hides nothing, whether rows are left or not", async () => {
    await bench.send("p1", many(10));
    await tamper("UPDATE audit_heads SET pruned_seq = 20");
    expect(await verify()).toMatchObject({ ok: false, brokenAt: 1, reason: "before_start" });
    await tamper("DELETE FROM audit_events");
    expect(await verify()).toMatchObject({ ok: false, brokenAt: 10, reason: "end_changed" });
  });
});

describe("appending where forged rows stand in the way", () => {
  test("goes on behind them, known events stay known, and the report still names the forged row", async () => {
    await bench.send("p1", many(10));
    for (const seq of [11, 12, 14, 200]) await forge(seq);
    const { outcome, ids } = await bench.send("p1", many(60));
    expect(outcome).toMatchObject({ inserted: 60, duplicate: 0 });
    expect((await bench.send("p1", many(60), { ids })).outcome).toMatchObject({ inserted: 0, duplicate: 60 });
    expect(await bench.file.all("SELECT min(seq), max(seq), count(*) FROM audit_events WHERE actor <> 'mallory' AND seq > 10")).toEqual([
      [15, 74, 60],
    ]);
    expect(await verify()).toMatchObject({ ok: false, checked: 10, brokenAt: 11 });
    expect((await bench.send("p1", many(2))).outcome).toMatchObject({ inserted: 2 });
    expect(await verify()).toMatchObject({ ok: false, checked: 10, brokenAt: 11 });
  });

  test("a forged row with a right hash is not taken into the chain", async () => {
    await bench.send("p1", many(10));
    const [row] = await bench.file.all("SELECT hash, ts, received_at FROM audit_events WHERE seq = 10");
    const data = '{"actor":"mallory","action":"login","resource":"r"}';
    const forged = { projectId: "p1", seq: 11, id: "forged-11", ts: String(row?.[1]), receivedAtMs: Number(row?.[2]), isSkewed: false };
    const hash = entryHash(row?.[0] as Uint8Array, { ...forged, data, meta: "" }) as Uint8Array;
    await forge(11, `x'${Buffer.from(hash).toString("hex")}'`);
    await bench.send("p1", many(1));
    expect(await verify()).toMatchObject({ ok: false, reason: "link_changed", brokenAt: 12 });
  });

  test.each([
    ["an end set back", "UPDATE audit_heads SET seq = 4, hash = (SELECT hash FROM audit_events WHERE seq = 4)", 11],
    ["an end removed", "DELETE FROM audit_heads", 11],
  ])("after %s it goes on behind the last entry, and the report tells", async (_, sql, brokenAt) => {
    await bench.send("p1", many(10));
    await tamper(sql);
    expect((await bench.send("p1", many(3))).outcome).toMatchObject({ inserted: 3 });
    expect(await listed()).toHaveLength(13);
    expect(await verify()).toMatchObject({ ok: false, checked: 10, brokenAt, reason: "link_changed" });
  });

  test("pruning leaves alone what is not in the chain", async () => {
    await bench.send("p1", many(10), { receivedAtMs: dayMs });
    await forge(11);
    expect(await pruneEntries(bench.file, 2 * dayMs)).toBe(10);
    expect(await verify()).toMatchObject({ ok: false, brokenAt: 11, reason: "after_end" });
    await bench.send("p1", many(2), { receivedAtMs: 3 * dayMs });
    expect(await verify()).toMatchObject({ ok: false, brokenAt: 11 });
  });
});
