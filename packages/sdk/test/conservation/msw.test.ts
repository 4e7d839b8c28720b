// The conservation law over 10,000 random lives: msw is the network, time is fake, and every schedule follows from its seed.
import { gunzipSync } from "node:zlib";
import { type CuittyClient, createCuittyClient } from "@cuitty/sdk";
import { delay, HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { createOracle, createRandom, live, type Oracle } from "./schedule.ts";

const schedules = 10_000;
/** Lives that share a stretch of fake time. */
const together = 250;

const oracles = new Map<string, Oracle>();
const failures: unknown[] = [];

const handler = http.post("http://:seed.invalid/api/ingest", async ({ request }) => {
  const wire = Buffer.from(await request.arrayBuffer());
  const body = request.headers.get("content-encoding") === "gzip" ? gunzipSync(wire) : wire;
  const { events } = JSON.parse(body.toString());
  const oracle = oracles.get(new URL(request.url).hostname) as Oracle;
  try {
    const { fault, reply } = oracle.receive(String(request.headers.get("x-cuitty-idempotency-key")), wire.toString("latin1"), events);
    return await respond(fault, reply);
  } catch (error) {
    failures.push(error);
    return HttpResponse.error();
  }
});

async function respond(fault: string, reply: string): Promise<Response> {
  switch (fault) {
    case "ok":
      return new HttpResponse(reply);
    case "lose_ack":
    case "reset":
      return HttpResponse.error();
    case "hang":
      await delay("infinite");
      return HttpResponse.error();
    case "garbage":
      return HttpResponse.html("<p>Sign in");
    case "status_429_seconds":
      return new HttpResponse(null, { status: 429, headers: { "Retry-After": "2" } });
    case "status_429_date":
      return new HttpResponse(null, { status: 429, headers: { "Retry-After": new Date(Date.now() + 3_000).toUTCString() } });
    case "status_503_absurd":
      return new HttpResponse(null, { status: 503, headers: { "Retry-After": "99999999999" } });
    default:
      return HttpResponse.json({ code: "x" }, { status: Number(fault.slice(7)) });
  }
}

const server = setupServer(handler);
const unhandled = vi.fn();

beforeAll(() => {
  server.listen({ onUnhandledRequest: "error" });
  process.on("unhandledRejection", unhandled);
});
afterAll(() => {
  server.close();
  process.off("unhandledRejection", unhandled);
});
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Lets fake time pass until the work is done; msw and gzip take real turns of the event loop. */
async function pass(work: Promise<unknown>): Promise<void> {
  let isDone = false;
  const settled = work.finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await vi.advanceTimersByTimeAsync(400);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await settled;
}

async function playSome(firstSeed: number): Promise<void> {
  const clients: (readonly [seed: number, client: CuittyClient])[] = [];
  const lives = Array.from({ length: together }, async (_, index) => {
    const seed = firstSeed + index;
    const random = createRandom(seed);
    const host = `s${seed}.invalid`;
    oracles.set(host, createOracle(random, seed % 2 === 0));
    const client = createCuittyClient({
      portalUrl: `http://${host}`,
      projectId: "p",
      apiKey: random.below(2) ? "cuitty_sk_test" : "cuitty_pk_test",
      maxRetries: random.below(5),
      maxBufferSize: 1 + random.below(60),
      flushInterval: random.below(3_000),
      timeout: 1_000 + random.below(5_000),
    });
    clients.push([seed, client]);
    await live(client, random, (ms) => new Promise((resolve) => setTimeout(resolve, ms)));
  });
  await pass(Promise.all(lives));
  check(clients);
  // Whoever was not shut down is now: nothing runs on into the next stretch, and nothing may be pending any more.
  await pass(Promise.all(clients.map(([, client]) => client.shutdown(0))));
  check(clients);
  for (const [, client] of clients) expect(client.stats().pending).toBe(0);
  oracles.clear();
}

function check(clients: readonly (readonly [seed: number, client: CuittyClient])[]): void {
  for (const [seed, client] of clients) {
    try {
      oracles.get(`s${seed}.invalid`)?.check(client);
    } catch (error) {
      failures.push(new Error(`seed ${seed}: ${(error as Error).message}`));
    }
  }
}

test(`no event is lost uncounted or stored twice in ${schedules} lives`, { timeout: 600_000 }, async () => {
  for (let seed = 1; seed <= schedules; seed += together) {
    await playSome(seed);
    expect(failures.slice(0, 3)).toEqual([]);
  }
  expect(unhandled).not.toHaveBeenCalled();
});
