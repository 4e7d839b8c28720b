// Storage that refuses: the answer is 503 with Retry-After, nothing is half stored, and the next batch is welcome again.
import { fork } from "node:child_process";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { KitFault } from "@cuitty/server-kit";
import { audit } from "@cuitty/server-kit/audit";
import { logs } from "@cuitty/server-kit/logs";
import { testKit } from "@cuitty/server-kit/testing";
import { expect, test } from "vitest";
import { auditEvent, sendEvents, startKit } from "./running-kit.ts";

const log = { type: "log", ts: "2026-04-27T12:34:56Z", data: { level: "info", message: "x".repeat(5_000) } };

test("a full file is 503 and recovers when there is room; somebody is told, not with every batch", async () => {
  const faults: KitFault[] = [];
  const kit = await testKit({ modules: [logs()], onFault: (fault) => faults.push(fault) });
  try {
    const [opened] = kit.kit.modules.all;
    if (opened === undefined) throw new Error("no module");
    await kit.ingest([log], "before-it-was-full");
    const [[pages] = [0]] = await opened.file.all("SELECT page_count FROM pragma_page_count");
    await opened.file.transact((tx) => tx.all(`PRAGMA max_page_count = ${Number(pages)}`));
    const batch = Array.from({ length: 50 }, () => log);
    const refused = await kit.ingest(batch, "while-it-was-full");
    expect(refused.status).toBe(503);
    expect(JSON.parse(refused.text)).toMatchObject({ code: "disk_full", retryable: true });
    expect((await kit.ingest(batch, "while-it-was-full")).status).toBe(503);
    const text = expect.stringMatching(/logs\.db: .*disk is full; free some space/);
    expect(faults).toMatchObject([{ source: "request", error: { code: "full", message: text } }]);
    expect(await kit.kit.eventIds("logs", kit.credentials.projectId)).toHaveLength(1);
    await opened.file.transact((tx) => tx.all("PRAGMA max_page_count = 1073741823"));
    expect((await kit.ingest(batch, "while-it-was-full")).text).toBe('{"accepted":50,"rejected":[]}');
    expect(await kit.kit.eventIds("logs", kit.credentials.projectId)).toHaveLength(51);
  } finally {
    await kit.close();
  }
});

test("of two modules one that is full fails the batch; the retry stores each event once", async () => {
  const kit = await testKit({ modules: [audit(), logs()] });
  try {
    const full = kit.kit.modules.ofName("logs");
    if (full === undefined) throw new Error("no module");
    const [[pages] = [0]] = await full.file.all("SELECT page_count FROM pragma_page_count");
    await full.file.transact((tx) => tx.all(`PRAGMA max_page_count = ${Number(pages)}`));
    const batch = [auditEvent(), ...Array.from({ length: 50 }, () => log)];
    expect((await kit.ingest(batch, "half-of-it-fails")).status).toBe(503);
    await full.file.transact((tx) => tx.all("PRAGMA max_page_count = 1073741823"));
    expect((await kit.ingest(batch, "half-of-it-fails")).text).toBe('{"accepted":51,"rejected":[]}');
    expect(await kit.kit.eventIds("audit", kit.credentials.projectId)).toHaveLength(1);
    expect(await kit.kit.eventIds("logs", kit.credentials.projectId)).toHaveLength(50);
  } finally {
    await kit.close();
  }
});

test("a folder that is moved away from under a kit is 503, for health too, until it is back", async () => {
  const kit = await testKit({ modules: [audit(), logs()] });
  const { dataDir } = kit;
  try {
    expect((await kit.ingest([log])).status).toBe(200);
    const health = async () => (await kit.kit.fetch(new Request("http://kit.test/api/health"))).status;
    expect(await health()).toBe(200);
    await rename(dataDir, `${dataDir}.moved`);
    const refused = await kit.ingest([log, auditEvent()], "while-it-was-away");
    expect([refused.status, JSON.parse(refused.text).retryable]).toEqual([503, true]);
    expect(await health()).toBe(503);
    // Nor is anything acknowledged that goes into a system.db which nobody will find.
    const headers = { authorization: `Bearer ${kit.credentials.apiKey}`, "content-type": "application/json" };
    const create = { method: "POST", headers, body: JSON.stringify({ name: "Lost" }) };
    expect((await kit.kit.fetch(new Request("http://kit.test/api/projects", create))).status).toBe(503);
    await rename(`${dataDir}.moved`, dataDir);
    expect((await kit.ingest([log, auditEvent()], "while-it-was-away")).text).toBe('{"accepted":2,"rejected":[]}');
    expect(await health()).toBe(200);
  } finally {
    await kit.close();
  }
});

test("a file that is damaged while it is open is told by health once a request has met it", async () => {
  const kit = await testKit({ modules: [audit(), logs()], onFault: () => {} });
  try {
    await kit.ingest(Array.from({ length: 200 }, () => log));
    await kit.reopen();
    const file = await open(join(kit.dataDir, "logs.db"), "r+");
    const { size } = await file.stat();
    await file.write(Buffer.alloc(size - 4_096, 0xff), 0, size - 4_096, 4_096);
    await file.close();
    const headers = { authorization: `Bearer ${kit.credentials.apiKey}` };
    const health = async () => (await kit.kit.fetch(new Request("http://kit.test/api/health", { headers }))).json();
    expect((await kit.ingest([log])).status).toBe(500);
    expect(await health()).toMatchObject({
      status: "unavailable",
      files: [
        { name: "system", isHealthy: true },
        { name: "audit", isHealthy: true },
        { name: "logs", problem: "corrupt" },
      ],
    });
    expect((await kit.ingest([auditEvent()])).status).toBe(200);
  } finally {
    await kit.close();
  }
});

test("too little free space is 503 before the disk is full, and is told", async () => {
  const running = await startKit({ minFreeBytes: Number.MAX_SAFE_INTEGER });
  try {
    expect(running.faults).toMatchObject([{ source: "disk", error: { code: "disk_full" } }]);
    const response = await sendEvents(running, [auditEvent()]);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("10");
    expect(await response.json()).toMatchObject({ code: "disk_full" });
  } finally {
    await running.close();
  }
});

test("a lock held by another process is 503 within a quarter of a second or so, and the host's timers go on", async () => {
  const running = await startKit();
  const holder = fork(join(import.meta.dirname, "children", "lock-holder.ts"), {
    env: { ...process.env, DB_PATH: join(running.dataDir, "audit.db"), HOLD_MS: "2000" },
    execArgv: ["--conditions=@cuitty/source", "--import", "tsx"],
  });
  try {
    await sendEvents(running, [auditEvent()]);
    await new Promise((resolve) => holder.once("message", resolve));
    const delays = monitorEventLoopDelay({ resolution: 5 });
    delays.enable();
    const began = performance.now();
    const headers = { "x-cuitty-idempotency-key": "sent-while-locked" };
    const response = await sendEvents(running, [auditEvent()], { headers });
    const tookMs = performance.now() - began;
    delays.disable();
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).not.toBeNull();
    expect(tookMs).toBeLessThan(1_000);
    // A busy wait would have stopped the loop for the whole time.
    expect(delays.percentile(99) / 1e6).toBeLessThan(150);
    await new Promise((resolve) => holder.once("exit", resolve));
    expect((await sendEvents(running, [auditEvent()], { headers })).status).toBe(200);
    expect(await running.kit.eventIds("audit", running.projectId)).toHaveLength(2);
  } finally {
    holder.kill();
    await running.close();
  }
}, 30_000);

test("a body that comes too slowly is 408", async () => {
  const running = await startKit({ signaturePolicy: "optional" });
  try {
    const { createPipeline, createContextMaker, fetchExchange, readBody } = await import("@cuitty/server-kit");
    const pipeline = createPipeline([{ name: "readBody", stage: readBody({ idleTimeoutMs: 60, totalTimeoutMs: 200 }) }]);
    const makeContext = createContextMaker();
    const slow = (pauseMs: number) =>
      new ReadableStream<Uint8Array<ArrayBuffer>>({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, pauseMs));
          controller.enqueue(new Uint8Array(1));
        },
      });
    for (const pauseMs of [100, 30]) {
      const request = new Request("http://kit.test/api/ingest", {
        method: "POST",
        body: slow(pauseMs),
        duplex: "half",
        headers: { "content-type": "application/json" },
      } as RequestInit);
      const reply = await pipeline.run(makeContext(fetchExchange(request)));
      expect(reply.status).toBe(408);
    }
  } finally {
    await running.close();
  }
});
