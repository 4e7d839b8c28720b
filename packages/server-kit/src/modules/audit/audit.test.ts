import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type EventPage, type ModuleBench, openModuleBench } from "../shared/test-tools/module-bench.ts";
import { audit } from "./audit.ts";
import { pruneEntries } from "./prune.ts";
import type { ChainReport } from "./verify.ts";

const event = (actor = "alice", extra: object = {}): object => ({ actor, action: "secret.rotate", resource: "stripe.live_key", ...extra });
const many = (count: number): object[] => Array.from({ length: count }, (_, index) => event(`user-${index}`));

let bench: ModuleBench;
beforeEach(async () => {
  bench = await openModuleBench(audit());
});
afterEach(() => bench.close());

const verify = (projectId = "p1"): Promise<ChainReport> => bench.call("verifyAuditChain", projectId);
const tamper = (sql: string): Promise<number> => bench.file.transact((tx) => tx.run(sql));

describe("the audit chain", () => {
  test("entries of a project are numbered without gaps and chained, projects apart from each other", async () => {
    await bench.send("p1", many(3));
    await bench.send("p2", many(2));
    await bench.send("p1", many(700));
    expect(await verify("p1")).toMatchObject({ ok: true, checked: 703, firstSeq: 1, lastSeq: 703, brokenAt: null, reason: null });
    expect(await verify("p2")).toMatchObject({ ok: true, checked: 2 });
    expect(await verify("p3")).toEqual({
      ok: true,
      checked: 0,
      firstSeq: null,
      lastSeq: null,
      headHash: null,
      brokenAt: null,
      reason: null,
    });
  });

  test("the hash is what its description says, so that anyone can recompute it", async () => {
    await bench.send("p1", [event("alice", { note: "kept under meta" }), event("bob")], { ids: ["e1", "e2"], tsMs: 1_777_293_296_000 });
    const sha = (text: string): string => createHash("sha256").update(text).digest("hex");
    const first = sha(
      `cuitty.audit.v1\n${"0".repeat(64)}\n1\np1\ne1\n2026-04-27T12:34:56.000Z\n1777293296500\n0\n` +
        `{"actor":"alice","action":"secret.rotate","resource":"stripe.live_key"}\n{"note":"kept under meta"}`,
    );
    const second = sha(
      `cuitty.audit.v1\n${first}\n2\np1\ne2\n2026-04-27T12:34:57.000Z\n1777293296500\n0\n{"actor":"bob","action":"secret.rotate","resource":"stripe.live_key"}\n`,
    );
    expect(await bench.call("getAuditEvent", "p1", { params: { id: "e2" } })).toMatchObject({ prevHash: first, hash: second, seq: 2 });
    expect((await verify()).headHash).toBe(second);
  });

  test("known events are skipped, whether alone, within one batch or all of them", async () => {
    const { ids } = await bench.send("p1", many(5));
    const again = await bench.send("p1", [...many(5), event("new"), event("new")], { ids: [...ids, "n1", "n1"] });
    expect(again.outcome).toMatchObject({ status: "written", inserted: 1, duplicate: 6 });
    expect((await bench.send("p1", many(5), { ids })).outcome).toMatchObject({ inserted: 0, duplicate: 5 });
    expect((await bench.send("p2", many(5), { ids })).outcome).toMatchObject({ inserted: 5, duplicate: 0 });
    expect(await verify()).toMatchObject({ ok: true, checked: 6 });
  });

  test("writers at the same time never fork the chain", async () => {
    await Promise.all(Array.from({ length: 60 }, (_, index) => bench.send(`p${index % 3}`, many(1 + (index % 7)))));
    for (const projectId of ["p0", "p1", "p2"]) expect((await verify(projectId)).ok).toBe(true);
  });

  test.each([
    ["content_changed", "UPDATE audit_events SET data = replace(data, 'user-5', 'user-6') WHERE seq = 6", 6],
    ["content_changed", "UPDATE audit_events SET ts = '2020-01-01T00:00:00.000Z' WHERE seq = 6", 6],
    ["content_changed", "UPDATE audit_events SET meta = '{}' WHERE seq = 6", 6],
    ["content_changed", "UPDATE audit_events SET received_at = received_at + 1 WHERE seq = 6", 6],
    ["content_changed", "UPDATE audit_events SET is_skewed = 1 WHERE seq = 6", 6],
    ["content_changed", "UPDATE audit_events SET hash = zeroblob(32) WHERE seq = 6", 6],
    ["content_changed", "UPDATE audit_events SET data = data || char(10) || '{}' WHERE seq = 6", 6],
    ["link_changed", "UPDATE audit_events SET prev_hash = zeroblob(32) WHERE seq = 6", 6],
    ["columns_changed", "UPDATE audit_events SET actor = 'mallory' WHERE seq = 6", 6],
    ["columns_changed", "UPDATE audit_events SET ts_ms = 0 WHERE seq = 6", 6],
    ["entry_missing", "DELETE FROM audit_events WHERE seq = 6", 6],
    ["entry_missing", "DELETE FROM audit_events WHERE seq <= 2", 1],
    ["end_missing", "DELETE FROM audit_events WHERE seq > 8", 9],
    ["end_missing", "DELETE FROM audit_events", 1],
    ["end_missing", "DELETE FROM audit_heads", 11],
    ["end_changed", "UPDATE audit_heads SET hash = zeroblob(32)", 10],
  ])("%s after %s", async (reason, sql, brokenAt) => {
    await bench.send("p1", many(10));
    expect(await tamper(sql)).toBeGreaterThan(0);
    expect(await verify()).toMatchObject({ ok: false, reason, brokenAt });
  });

  test("moving two entries, or an entry to another project, is found", async () => {
    await bench.send("p1", many(10));
    await tamper("UPDATE audit_events SET seq = CASE seq WHEN 4 THEN 1005 ELSE 1004 END WHERE seq IN (4, 5)");
    await tamper("UPDATE audit_events SET seq = seq - 1000 WHERE seq > 1000");
    expect(await verify()).toMatchObject({ ok: false, brokenAt: 4 });
    await bench.send("p2", many(1));
    await tamper("UPDATE audit_events SET project_id = 'p3' WHERE project_id = 'p2'");
    expect(await verify("p2")).toMatchObject({ ok: false, reason: "end_missing" });
    expect(await verify("p3")).toMatchObject({ ok: false, reason: "content_changed" });
  });

  test("one changed bit anywhere in a stored entry is found", async () => {
    await bench.send("p1", [event("alice", { metadata: { deep: ["ünï", 1.5, null] }, custom: true })]);
    const [row] = await bench.file.all("SELECT data, meta, id, ts FROM audit_events");
    const columns = ["data", "meta", "id", "ts"];
    await fc.assert(
      fc.asyncProperty(fc.nat(3), fc.nat(10_000), fc.nat(6), async (column, position, bit) => {
        const text = Buffer.from(String(row?.[column]));
        const index = position % text.length;
        text[index] = (text[index] as number) ^ (1 << bit);
        await bench.file.transact((tx) => tx.run(`UPDATE audit_events SET ${columns[column]} = CAST(? AS TEXT)`, [text]));
        expect((await verify()).ok).toBe(false);
        await bench.file.transact((tx) => tx.run(`UPDATE audit_events SET ${columns[column]} = ?`, [row?.[column] ?? null]));
      }),
      { numRuns: 200 },
    );
    expect((await verify()).ok).toBe(true);
  });

  test("pruning takes the beginning only, and the rest still verifies; numbers are never used again", async () => {
    const day = 86_400_000;
    await bench.send("p1", many(900), { receivedAtMs: day });
    await bench.send("p1", many(10), { receivedAtMs: 3 * day });
    await bench.send("p2", many(4), { receivedAtMs: day });
    expect(await pruneEntries(bench.file, 2 * day)).toBe(904);
    expect(await verify()).toMatchObject({ ok: true, checked: 10, firstSeq: 901, lastSeq: 910 });
    expect(await verify("p2")).toMatchObject({ ok: true, checked: 0 });
    expect(await pruneEntries(bench.file, 2 * day)).toBe(0);
    await bench.send("p2", many(1), { receivedAtMs: 4 * day });
    expect(await verify("p2")).toMatchObject({ ok: true, firstSeq: 5, lastSeq: 5 });
    await tamper("DELETE FROM audit_events WHERE seq = 901");
    expect(await verify()).toMatchObject({ ok: false, reason: "entry_missing", brokenAt: 901 });
  });

  test("a clock that steps back does not change the order of receipt", async () => {
    await bench.send("p1", many(2), { receivedAtMs: 5_000 });
    await bench.send("p1", many(2), { receivedAtMs: 1_000 });
    expect(await bench.file.all("SELECT seq, received_at FROM audit_events ORDER BY seq")).toEqual([
      [1, 5_000],
      [2, 5_000],
      [3, 5_000],
      [4, 5_000],
    ]);
    expect(await pruneEntries(bench.file, 2_000)).toBe(0);
  });

  test("a walk that pruning overtakes goes on from the new beginning", async () => {
    await bench.send("p1", many(3_000), { receivedAtMs: 1_000 });
    await bench.send("p1", many(3), { receivedAtMs: 9_000 });
    const [report] = await Promise.all([verify(), pruneEntries(bench.file, 5_000)]);
    expect(report.ok).toBe(true);
  });
});

describe("audit reads", () => {
  test("filters by actor, action, resource and time; one entry by id; another project's entry is not found", async () => {
    await bench.send("p1", [event("alice"), event("bob", { action: "login" }), event("alice", { resource: "r2" })], {
      ids: ["a", "b", "c"],
    });
    const ids = async (query: object): Promise<string[]> =>
      (await bench.call<EventPage>("listAuditEvents", "p1", { query })).events.map(({ id }) => id);
    expect(await ids({})).toEqual(["c", "b", "a"]);
    expect(await ids({ actor: "alice" })).toEqual(["c", "a"]);
    expect(await ids({ action: "login" })).toEqual(["b"]);
    expect(await ids({ resource: "r2" })).toEqual(["c"]);
    expect(await ids({ since: "2026-04-27T14:34:57+02:00", until: "1777293298000" })).toEqual(["b"]);
    await expect(bench.call("getAuditEvent", "p2", { params: { id: "a" } })).rejects.toMatchObject({ code: "not_found" });
    await expect(bench.call("listAuditEvents", "p1", { query: { since: "yesterday" } })).rejects.toMatchObject({ code: "invalid_request" });
  });
});
