// The system's time is set while a body is under way: how long it took is measured on a clock that nobody sets.
import { once } from "node:events";
import { request } from "node:http";
import { serve } from "@cuitty/server-kit/node";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { auditEvent, type RunningKit, startKit } from "./running-kit.ts";

const hourMs = 3_600_000;

let running: RunningKit;
beforeEach(async () => {
  running = await startKit();
});
afterEach(async () => {
  vi.useRealTimers();
  await running.close();
});

function stepClock(ms: number): void {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
}

const headers = (): Record<string, string> => ({ authorization: `Bearer ${running.apiKey}`, "content-type": "application/json" });
const body = JSON.stringify({ events: [auditEvent()] });

test.each([hourMs, -hourMs])("an upload over HTTP is taken when the time is set by %i ms in the middle of it", async (ms) => {
  const server = await serve(running.kit, { port: 0 });
  const outgoing = request(`${server.url}/api/ingest`, { method: "POST", headers: { ...headers(), "content-length": body.length } });
  outgoing.write(body.slice(0, 10));
  await new Promise((resolve) => setTimeout(resolve, 100));
  stepClock(ms);
  outgoing.write(body.slice(10, 20));
  await new Promise((resolve) => setTimeout(resolve, 100));
  outgoing.end(body.slice(20));
  const [answer] = await once(outgoing, "response");
  answer.resume();
  expect(answer.statusCode).toBe(200);
  await server.close(0);
});

test.each([hourMs, -hourMs])("a request of the platform is taken when the time is set by %i ms while its body is read", async (ms) => {
  const pieces = [body.slice(0, 10), body.slice(10, 20), body.slice(20)];
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const piece = pieces.shift();
      if (pieces.length === 1) stepClock(ms);
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (piece === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(piece));
    },
  });
  const init = { method: "POST", headers: headers(), body: stream, duplex: "half" } as RequestInit;
  expect((await running.kit.fetch(new Request("http://kit.test/api/ingest", init))).status).toBe(200);
});
