// One contestant: the kit on Node's response, the kit as a web stream, or Hono's streamSSE fed by the same writes.

import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createServerKit } from "@cuitty/server-kit";
import { mountKit } from "@cuitty/server-kit/hono";
import { logs } from "@cuitty/server-kit/logs";
import { signBody } from "@cuitty/wire-protocol/signature";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";

export type Contestant = "kit" | "kit-web" | "hono";

/** What the bench asks of a server. */
export type Order =
  | { readonly kind: "memory" }
  /** One event every `gapMs`; answers with the CPU it took until `settleMs` after the last. */
  | { readonly kind: "emit"; readonly count: number; readonly gapMs: number; readonly bytes: number; readonly settleMs: number };

const [, , contestant = "kit", dataDir = ""] = process.argv as [string, string, Contestant, string];
const kit = await createServerKit({
  dataDir,
  modules: [logs()],
  minFreeBytes: 0,
  limits: { eventsPerSecond: 1e8, batchesPerSecond: 1e6 },
  streams: { maxStreams: 50_000, maxStreamsPerProject: 50_000 },
});
const { apiKey, webhookSecret, projectId } = await kit.bootstrap({ email: "bench@example.com", organization: "Bench" });
const app = new Hono();
if (contestant === "kit") mountKit(app, kit);
else if (contestant === "kit-web") app.get("/api/stream", (c) => kit.fetch(c.req.raw));
else mountPeer(app);

/** What one would write: the documented way, with the same frames, woken by the same commits. */
function mountPeer(peer: Hono): void {
  const listeners = new Set<(frame: { id: string; data: string }) => void>();
  let seq = 0;
  kit.bus.subscribe(`logs:${projectId}`, async () => {
    const rows = await kit.modules.ofName("logs")?.definition.streams?.[0]?.page(kit.modules.ofName("logs")?.file as never, {
      projectId,
      afterSeq: seq,
      limit: 500,
    });
    for (const row of rows ?? []) {
      seq = row.seq;
      const frame = {
        id: `logs:${row.seq}`,
        data: `{"id":"${row.id}","seq":${row.seq},"type":"log","ts":"${row.ts}","data":${row.dataJson}}`,
      };
      for (const listener of listeners) listener(frame);
    }
  });
  peer.get("/api/stream", (c) =>
    streamSSE(c, async (stream) => {
      await stream.writeSSE({ data: "open", event: "open" });
      const listener = (frame: { id: string; data: string }): void => void stream.writeSSE(frame);
      listeners.add(listener);
      await new Promise<void>((resolve) => {
        stream.onAbort(() => {
          listeners.delete(listener);
          resolve();
        });
      });
    }),
  );
}

const server = createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false }) as RequestListener);
server.listen({ port: 0, host: "127.0.0.1", backlog: 20_000 }, () => {
  process.send?.({ port: (server.address() as AddressInfo).port, apiKey });
});

async function ingest(bytes: number): Promise<void> {
  // The time goes with it, so that clients can tell how long it took.
  const message = `${performance.timeOrigin + performance.now()} ${"x".repeat(bytes)}`;
  const body = Buffer.from(JSON.stringify({ events: [{ type: "log", ts: new Date().toISOString(), data: { level: "info", message } }] }));
  const headers = {
    authorization: `Bearer ${apiKey}`,
    "content-type": "application/json",
    "x-cuitty-signature": signBody(body, webhookSecret),
  };
  const response = await kit.fetch(new Request("http://127.0.0.1/api/ingest", { method: "POST", headers, body }));
  if (response.status !== 200) throw new Error(await response.text());
}

async function emit({ count, gapMs, bytes, settleMs }: Order & { kind: "emit" }): Promise<unknown> {
  const before = process.cpuUsage();
  for (let index = 0; index < count; index++) {
    await ingest(bytes);
    await sleep(gapMs);
  }
  await sleep(settleMs);
  const { user, system } = process.cpuUsage(before);
  return { cpuMicros: user + system };
}

async function memory(): Promise<unknown> {
  for (let index = 0; index < 3; index++) {
    globalThis.gc?.();
    await sleep(150);
  }
  return { rss: process.memoryUsage().rss };
}

process.on("message", async (order: Order) => {
  process.send?.(order.kind === "memory" ? await memory() : await emit(order));
});
