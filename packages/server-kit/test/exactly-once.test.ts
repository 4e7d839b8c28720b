// Exactly once: however often, from wherever and whenever a batch is sent again.
import { execFile, fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { openModules } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import { logs } from "@cuitty/server-kit/logs";
import { performance } from "@cuitty/server-kit/performance";
import { repository } from "@cuitty/server-kit/repository";
import { testKit } from "@cuitty/server-kit/testing";
import { EVENT_TYPES } from "@cuitty/wire-protocol";
import { signBody } from "@cuitty/wire-protocol/signature";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type KeyCounts, writeKeys } from "./children/write-keys.ts";
import { auditEvent, type RunningKit, sendEvents, startKit } from "./running-kit.ts";

const fromSource = ["--conditions=@cuitty/source", "--import", "tsx"];
const child = (name: string): string => join(import.meta.dirname, "children", `${name}.ts`);

test("three client processes send one batch 1,000 times each: stored once, one reply", async () => {
  const running = await startKit({ signaturePolicy: "required", limits: { batchesPerSecond: 1e6, eventsPerSecond: 1e6 } });
  try {
    const log = { type: "log", ts: "2026-04-27T12:34:56Z", data: { level: "info", message: "once" } };
    const body = JSON.stringify({ events: [auditEvent(), log, { type: "audit", ts: "x", data: {} }, log] });
    const env = {
      ...process.env,
      URL_: running.url,
      KEY: running.apiKey,
      BODY: body,
      SIGNATURE: signBody(new TextEncoder().encode(body), running.webhookSecret),
      IDEMPOTENCY_KEY: "three-processes",
      TIMES: "1000",
    };
    const outputs = await Promise.all(
      [0, 1, 2].map(() => promisify(execFile)(process.execPath, ["--import", "tsx", child("sender")], { env })),
    );
    const replies = new Set(outputs.flatMap(({ stdout }) => JSON.parse(stdout) as string[]));
    expect([...replies]).toEqual([
      '200 {"accepted":3,"rejected":[{"index":2,"reason":"ts: expected an RFC 3339 timestamp","code":"invalid"}]}',
    ]);
    expect(await running.kit.eventIds("audit", running.projectId)).toHaveLength(1);
    expect(await running.kit.eventIds("logs", running.projectId)).toHaveLength(2);
  } finally {
    await running.close();
  }
}, 60_000);

describe("a key", () => {
  test("is known for 24 hours, over a restart, and free again after it was swept", async () => {
    const kit = await testKit({ modules: [audit(), logs()] });
    try {
      const events = [auditEvent()];
      const other = [auditEvent("mallory")];
      const first = await kit.ingest(events, "the-one-key");
      kit.advance(24 * 3_600_000 - 1_000);
      expect((await kit.ingest(events, "the-one-key")).text).toBe(first.text);
      expect((await kit.ingest(other, "the-one-key")).status).toBe(422);
      await kit.reopen();
      await kit.kit.runTask("retention");
      expect((await kit.ingest(events, "the-one-key")).text).toBe(first.text);
      expect(await kit.kit.eventIds("audit", kit.credentials.projectId)).toHaveLength(1);
      kit.advance(2 * 3_600_000);
      await kit.kit.runTask("retention");
      expect((await kit.ingest(other, "the-one-key")).status).toBe(200);
      expect(await kit.kit.eventIds("audit", kit.credentials.projectId)).toHaveLength(2);
    } finally {
      await kit.close();
    }
  });

  test("that is stored is replayed beside another body in the same moment, which is refused", async () => {
    const kit = await testKit({ modules: [audit(), logs()] });
    try {
      const log = { type: "log", ts: "2026-04-27T12:34:56Z", data: { level: "info", message: "x" } };
      const first = await kit.ingest([log], "stored-before");
      for (const order of ["other first", "other last"]) {
        await kit.reopen();
        const other = () => kit.ingest([auditEvent()], "stored-before");
        const same = () => kit.ingest([log], "stored-before");
        const replies = await Promise.all(order === "other first" ? [other(), same()] : [same(), other()]);
        const [refused, replayed] = order === "other first" ? replies : [replies[1], replies[0]];
        expect([refused?.status, replayed?.status, replayed?.text], order).toEqual([422, 200, first.text]);
      }
    } finally {
      await kit.close();
    }
  });

  test("of a batch that is refused is free for another body that waited for it", async () => {
    const kit = await testKit({ modules: [audit(), logs()], limits: { eventsPerSecond: 1 } });
    try {
      await kit.ingest(Array(10).fill(auditEvent()));
      const [limited, other] = await Promise.all([kit.ingest(Array(9).fill(auditEvent()), "only-once"), kit.ingest([], "only-once")]);
      expect([limited.status, other.status]).toEqual([429, 200]);
    } finally {
      await kit.close();
    }
  });

  test("under another body is refused after a restart too, and when the other body is for another module", async () => {
    const kit = await testKit({ modules: [audit(), logs()] });
    try {
      await kit.ingest([auditEvent()], "cross-module");
      await kit.reopen();
      const log = { type: "log", ts: "2026-04-27T12:34:56Z", data: { level: "info", message: "x" } };
      expect((await kit.ingest([log], "cross-module")).status).toBe(422);
      expect((await kit.ingest([{ type: "x" }], "all-of-it-bad")).text).toContain("unknown_type");
      await kit.reopen();
      expect((await kit.ingest([auditEvent()], "all-of-it-bad")).status).toBe(422);
      expect((await kit.ingest([{ type: "x" }], "all-of-it-bad")).status).toBe(200);
    } finally {
      await kit.close();
    }
  });

  describe("when the modules have changed meanwhile", () => {
    const log = { type: "log", ts: "2026-04-27T12:34:56Z", data: { level: "info", message: "x" } };
    const sent = [log, auditEvent(), { type: "x" }];
    const headers = { "x-cuitty-idempotency-key": "other-modules" };

    const modulesOf = (names: string) => names.split(" ").map((name) => (name === "logs" ? logs() : audit()));

    /** Sends a batch to a kit with logs alone, or as named before a colon, then does something to another kit on the same folder. */
    async function reopened(events: readonly unknown[], names: string, then: (sender: Sender) => Promise<void>): Promise<void> {
      const [later = "", earlier = "logs"] = names.split(":").reverse();
      const dataDir = await mkdtemp(join(tmpdir(), "cuitty-modules-"));
      try {
        const before = await startKit({ dataDir, modules: modulesOf(earlier) });
        const { apiKey: key, webhookSecret: secret, projectId } = before;
        const first = await (await sendEvents(before, events, { headers })).text();
        await before.close();
        const running = await startKit({ dataDir, modules: modulesOf(later) });
        const storedBy = (name: string) => running.kit.eventIds(name, projectId).then((ids) => ids.length);
        const replay = () => sendEvents(running, events, { headers, key, secret });
        await then({ first, replay, storedBy, running }).finally(() => running.close());
      } finally {
        await rm(dataDir, { recursive: true, force: true });
      }
    }

    interface Sender {
      readonly first: string;
      readonly running: RunningKit;
      replay(): Promise<Response>;
      storedBy(name: string): Promise<number>;
    }

    test.each(["logs audit", "audit logs"])("the reply is the same, and what was rejected is not stored (%s)", async (names) => {
      for (const events of [sent, [auditEvent()]]) {
        await reopened(events, names, async ({ first, replay, storedBy }) => {
          for (let times = 0; times < 2; times++) expect([(await replay()).status, await (await replay()).text()]).toEqual([200, first]);
          expect(first).toMatch(/"code":"type_not_enabled"/);
          expect([await storedBy("audit"), await storedBy("logs")]).toEqual([0, events === sent ? 1 : 0]);
        });
      }
    });

    test("an event whose module is gone is told as rejected: the numbers add up, and nothing is claimed that cannot be known", async () => {
      await reopened([log, auditEvent()], "logs audit:logs", async ({ first, replay, storedBy }) => {
        expect(first).toBe('{"accepted":2,"rejected":[]}');
        const told = { accepted: 1, rejected: [{ index: 1, code: "type_not_enabled" }] };
        for (let times = 0; times < 2; times++) expect(await (await replay()).json()).toMatchObject(told);
        expect(await storedBy("logs")).toBe(1);
      });
    });

    test("what was valid and is missing, as the first run was cut off, is written all the same", async () => {
      await reopened([log, auditEvent(), auditEvent()], "logs audit", async ({ running, replay, storedBy }) => {
        // As it would be had the first run, with both modules, rejected the last event and ended before audit's file was written.
        await running.kit.modules
          .ofName("logs")
          ?.file.transact((tx) => tx.run("UPDATE _inbox SET note = ?", ['[{"index":2,"reason":"then"}]']));
        const text = '{"accepted":2,"rejected":[{"index":2,"reason":"then"}]}';
        for (let times = 0; times < 2; times++) expect(await (await replay()).text()).toBe(text);
        expect([await storedBy("audit"), await storedBy("logs")]).toEqual([1, 1]);
      });
    });
  });

  test("belongs to its project", async () => {
    const kit = await testKit({ modules: [audit()] });
    try {
      const { subject } = {
        subject: {
          id: kit.credentials.keyId,
          kind: "api_key",
          projectId: kit.credentials.projectId,
          organizationId: kit.credentials.organizationId,
          scopes: ["admin", "keys", "ingest", "read"],
        },
      } as const;
      const other = (await kit.kit.api.kit.createProject(subject, { body: { name: "Other", signaturePolicy: "optional" } })) as {
        id: string;
      };
      const { key } = (await kit.kit.api.kit.createKey(subject, { params: { id: other.id } })) as { key: string };
      await kit.ingest([auditEvent()], "shared-by-two");
      const headers = { authorization: `Bearer ${key}`, "content-type": "application/json", "x-cuitty-idempotency-key": "shared-by-two" };
      const body = JSON.stringify({ events: [auditEvent("other")] });
      const reply = await kit.kit.fetch(new Request("http://kit.test/api/ingest", { method: "POST", body, headers }));
      expect(await reply.text()).toBe('{"accepted":1,"rejected":[]}');
    } finally {
      await kit.close();
    }
  });
});

test("a second writer past the owner lease meets the inbox: every key is written once", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "cuitty-two-writers-"));
  const registry = await openModules({ dataDir, modules: [logs()] });
  try {
    const [module] = registry.all;
    if (module === undefined) throw new Error("no module");
    const second = fork(child("writer"), { env: { ...process.env, DATA_DIR: dataDir }, execArgv: fromSource });
    const messages: unknown[] = [];
    second.on("message", (message) => messages.push(message));
    await expect.poll(() => messages[0], { timeout: 20_000 }).toBe("ready");
    second.send("go");
    const mine = await writeKeys(module, 150);
    await expect.poll(() => messages.length, { timeout: 20_000 }).toBe(2);
    const theirs = messages[1] as KeyCounts;
    expect(mine.written + theirs.written).toBe(150);
    expect(mine.replayed + theirs.replayed).toBe(150);
    expect((await module.file.all("SELECT count(*) FROM logs_events"))[0]?.[0]).toBe(150);
  } finally {
    await registry.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}, 60_000);

test("once somebody is past the lease, what memory knows of keys is not relied on any more", async () => {
  const kit = await testKit({ modules: [audit(), logs()] });
  try {
    await kit.ingest([auditEvent()], "before-them");
    const env = { ...process.env, DATA_DIR: kit.dataDir, PROJECT: kit.credentials.projectId, IDEMPOTENCY_KEY: "stored-by-them" };
    await promisify(execFile)(process.execPath, [...fromSource, child("forced-key")], { env });
    expect((await kit.ingest([auditEvent()], "stored-by-them")).status).toBe(422);
    expect(await kit.kit.eventIds("audit", kit.credentials.projectId)).toHaveLength(1);
  } finally {
    await kit.close();
  }
});

test("a folder whose modules are open belongs to that process", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "cuitty-owned-"));
  const registry = await openModules({ dataDir, modules: [logs()] });
  const second = openModules({ dataDir, modules: [logs()] });
  await expect(second).rejects.toMatchObject({ code: "data_dir_in_use", message: expect.stringContaining(String(process.pid)) });
  await registry.close();
  await (await openModules({ dataDir, modules: [logs()] })).close();
  await rm(dataDir, { recursive: true, force: true });
});

test("accepted, rejected and duplicate add up for any batch over all event types, and rejected names the right ones", async () => {
  const kit = await testKit({ modules: [audit(), logs(), performance(), repository()] });
  const good: Readonly<Record<string, Record<string, unknown>>> = {
    audit: { actor: "a", action: "b", resource: "c" },
    log: { level: "info", message: "m" },
    performance: { service: "s", metric: "m", value: 1, unit: "ms" },
    repository: { provider: "github", repo: "r", branch: "main", commit: "c" },
  };
  const ids = Array.from({ length: 40 }, (_, index) => `018f3c5a-7b1c-7def-8abc-${index.toString(16).padStart(12, "0")}`);
  const event = fc.record(
    {
      type: fc.oneof(fc.constantFrom(...EVENT_TYPES), fc.constantFrom(...Object.keys(good)), fc.constant("nope")),
      isGood: fc.boolean(),
      id: fc.option(fc.constantFrom(...ids), { nil: undefined }),
    },
    { requiredKeys: ["type", "isGood", "id"] },
  );
  try {
    let expectedRows = 0;
    const known = new Set<string>();
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (batch) => {
        const events = batch.map(({ type, isGood, id }) => ({
          type,
          ts: "2026-04-27T12:34:56Z",
          data: isGood ? (good[type] ?? {}) : { wrong: true },
          ...(id === undefined ? undefined : { id }),
        }));
        const bad = batch.flatMap(({ type, isGood }, index) => (isGood && good[type] !== undefined ? [] : [index]));
        const { accepted, rejected, duplicate } = await kit.ingest(events);
        expect(accepted + rejected.length + duplicate).toBe(events.length);
        expect(rejected.map(({ index }) => index)).toEqual(bad);
        let fresh = 0;
        for (const { type, isGood, id } of batch) {
          if (!isGood || good[type] === undefined) continue;
          // An id is unique in its module's file.
          const key = id === undefined ? crypto.randomUUID() : `${type} ${id}`;
          if (!known.has(key)) fresh += 1;
          known.add(key);
        }
        expect(accepted).toBe(fresh);
        expectedRows += fresh;
      }),
      { numRuns: 150 },
    );
    let rows = 0;
    for (const topic of ["audit", "logs", "performance", "repository"])
      rows += (await kit.kit.eventIds(topic, kit.credentials.projectId)).length;
    expect(rows).toBe(expectedRows);
  } finally {
    await kit.close();
  }
}, 60_000);
