// Rate limits: against a reference model, and over HTTP with standard headers.

import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type ClientRequest, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryRateStore } from "@cuitty/server-kit";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { auditEvent, type RunningKit, sendEvents, startKit } from "./running-kit.ts";

describe("the rate store", () => {
  test("agrees with a token bucket for any sequence of costs and pauses", () => {
    const steps = fc.array(fc.record({ pauseMs: fc.integer({ min: 0, max: 5_000 }), cost: fc.integer({ min: 0, max: 30 }) }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 50 }), (sequence, perSecond) => {
        let nowMs = 1_000_000;
        const store = createMemoryRateStore({ clock: () => nowMs });
        const policy = { name: "events", perSecond, burst: perSecond * 10 };
        let tokens = policy.burst;
        for (const { pauseMs, cost } of sequence) {
          nowMs += pauseMs;
          tokens = Math.min(policy.burst, tokens + (pauseMs * perSecond) / 1000);
          const outcome = store.take("project", cost, policy) as { isAllowed: boolean; remaining: number; retryAfterSeconds: number };
          const isNearEdge = Math.abs(tokens - cost) < 0.01;
          if (!isNearEdge) expect(outcome.isAllowed).toBe(cost <= tokens);
          if (outcome.isAllowed) tokens -= cost;
          expect(Math.abs(outcome.remaining - Math.floor(tokens))).toBeLessThanOrEqual(1);
          if (!outcome.isAllowed && cost <= policy.burst) {
            // What it says is enough, and not a second too much.
            const needed = (cost - tokens) / perSecond;
            expect(outcome.retryAfterSeconds).toBeGreaterThanOrEqual(needed - 0.01);
            expect(outcome.retryAfterSeconds).toBeLessThanOrEqual(Math.max(1, needed + 1.01));
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test("stays within its cells and survives a clock that steps back", () => {
    let nowMs = 10_000_000;
    const store = createMemoryRateStore({ clock: () => nowMs, maxCells: 10 });
    const policy = { name: "batches", perSecond: 1, burst: 2 };
    for (let index = 0; index < 100; index += 1) store.take(`p${index}`, 1, policy);
    const take = () => (store.take("p99", 1, policy) as { isAllowed: boolean }).isAllowed;
    expect([take(), take()]).toEqual([true, false]);
    nowMs -= 3_600_000;
    expect(take()).toBe(false);
    nowMs += 2_000;
    expect(take()).toBe(true);
  });
});

describe("over HTTP", () => {
  let running: RunningKit;
  let offsetMs = 0;
  afterEach(() => running.close());
  const start = async (environment: Record<string, string>) => {
    offsetMs = 0;
    // It stands between the steps: on a busy machine ten requests may take longer than a limit needs to let one more through.
    const startedMs = Date.now();
    running = await startKit({ environment, clock: () => startedMs + offsetMs });
  };
  const events = (count: number) => Array.from({ length: count }, () => auditEvent());

  test("batches above the limit of the environment are 429 with headers that say when to come back", async () => {
    await start({ INGEST_RATE_LIMIT_BATCHES_PER_SECOND: "1" });
    const statuses: number[] = [];
    for (let index = 0; index < 10; index += 1) statuses.push((await sendEvents(running, events(1))).status);
    expect(statuses).toEqual(Array(10).fill(200));
    const refused = await sendEvents(running, events(1));
    expect(refused.status).toBe(429);
    expect(refused.headers.get("ratelimit-policy")).toBe('"batches";q=10;w=10');
    expect(refused.headers.get("ratelimit")).toMatch(/^"batches";r=0;t=\d+$/);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(await refused.json()).toMatchObject({ code: "rate_limited", retryable: true, "violated-policies": ["batches"] });
    offsetMs += 1_500;
    expect((await sendEvents(running, events(1))).status).toBe(200);
  });

  test("events are all or nothing: a batch that does not fit is not stored in part", async () => {
    await start({ INGEST_RATE_LIMIT_EVENTS_PER_SECOND: "2" });
    expect((await sendEvents(running, events(15))).status).toBe(200);
    const refused = await sendEvents(running, events(10));
    expect(refused.status).toBe(429);
    expect(await running.kit.eventIds("audit", running.projectId)).toHaveLength(15);
    expect((await sendEvents(running, events(5))).status).toBe(200);
    const never = await sendEvents(running, events(21));
    expect(never.status).toBe(413);
    expect(await never.json()).toMatchObject({ code: "batch_exceeds_burst" });
  });

  test("a replay costs a batch and no events; a success carries both limits", async () => {
    await start({ INGEST_RATE_LIMIT_EVENTS_PER_SECOND: "1" });
    const headers = { "x-cuitty-idempotency-key": crypto.randomUUID() };
    const first = await sendEvents(running, events(10), { headers });
    expect(first.headers.get("ratelimit")).toMatch(/^"batches";r=999;t=1, "events";r=0;t=10$/);
    expect((await sendEvents(running, events(10), { headers })).status).toBe(200);
  });

  test("a replay costs no events after a restart either, whatever the limits are now; what is new is still limited", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "cuitty-limits-"));
    try {
      const before = await startKit({ dataDir });
      const { apiKey, webhookSecret: secret } = before;
      const keyed = (key: string) => ({ "x-cuitty-idempotency-key": key });
      const sent = [
        ["within-the-burst", 10],
        ["over-the-burst", 12],
      ] as const;
      const replies = [];
      for (const [key, count] of sent) replies.push(await (await sendEvents(before, events(count), { headers: keyed(key) })).text());
      await before.close();
      running = await startKit({ dataDir, environment: { INGEST_RATE_LIMIT_EVENTS_PER_SECOND: "1" } });
      const sendNow = (key: string, count: number) => sendEvents(running, events(count), { headers: keyed(key), key: apiKey, secret });
      expect((await sendNow("takes-all-there-is", 10)).status).toBe(200);
      for (const [index, [key, count]] of sent.entries()) {
        const replay = await sendNow(key, count);
        expect([replay.status, await replay.text(), replay.headers.get("idempotency-replayed")]).toEqual([200, replies[index], "true"]);
        expect((await sendNow(key, count - 1)).status).toBe(422);
        expect((await sendNow(`new-${key}`, count)).status).toBe(count > 10 ? 413 : 429);
      }
    } finally {
      await running.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  test("slow uploads with publishable keys leave room for other keys of theirs, and more for secret ones", async () => {
    running = await startKit({ maxInFlight: 8 });
    const origin = "https://shop.example";
    const authorization = `Bearer ${running.apiKey}`;
    const makeKey = async (): Promise<string> => {
      const body = JSON.stringify({ kind: "pk", origins: [origin] });
      const headers = { authorization, "content-type": "application/json" };
      return (await (await fetch(`${running.url}/api/projects/${running.projectId}/keys`, { method: "POST", headers, body })).json()).key;
    };
    const keys = [await makeKey(), await makeKey(), await makeKey()] as const;
    const slow: ClientRequest[] = [];
    const hold = async (key: string) => {
      const headers = { authorization: `Bearer ${key}`, origin, "content-type": "application/json", "content-length": "5000000" };
      const upload = request(`${running.url}/api/ingest`, {
        method: "POST",
        headers: { ...headers, expect: "100-continue" },
        agent: false,
      });
      slow.push(upload.on("error", () => {}));
      upload.flushHeaders();
      await once(upload, "continue");
    };
    const statusOf = async (key: string) => (await sendEvents(running, events(1), { key, secret: null, headers: { origin } })).status;
    try {
      for (const [key, statusOfNext] of [
        [keys[0], 200],
        [keys[1], 503],
      ] as const) {
        await hold(key);
        await hold(key);
        expect([await statusOf(key), await statusOf(keys[2])]).toEqual([503, statusOfNext]);
      }
      expect((await sendEvents(running, events(1))).status).toBe(200);
    } finally {
      for (const upload of slow) upload.destroy();
    }
    for (let times = 0; times < 200 && (await statusOf(keys[2])) !== 200; times++);
    expect(await statusOf(keys[2])).toBe(200);
  });

  test("a project's own limits win", async () => {
    await start({});
    const response = await fetch(`${running.url}/api/projects/${running.projectId}`, {
      method: "PATCH",
      headers: { authorization: `Bearer ${running.apiKey}`, "content-type": "application/json" },
      body: JSON.stringify({ limits: { batchesPerSecond: 0.1, batchBytes: 1_000 } }),
    });
    expect(response.status).toBe(200);
    expect((await sendEvents(running, events(1))).status).toBe(200);
    expect((await sendEvents(running, events(1))).status).toBe(429);
    offsetMs += 60_000;
    expect((await sendEvents(running, events(20))).status).toBe(413);
  });
});
