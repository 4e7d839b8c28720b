// The conservation law over 200 random lives on real sockets: msw hides resets, half replies and servers that never answer.
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { type CuittyClient, createCuittyClient } from "@cuitty/sdk";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createOracle, createRandom, type FaultName, live, type Oracle } from "./schedule.ts";

const schedules = 200;
const oracles = new Map<string, Oracle>();
const failures: unknown[] = [];
const unhandled = vi.fn();
let server: Server;

beforeAll(async () => {
  process.on("unhandledRejection", unhandled);
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const wire = Buffer.concat(chunks);
    const { events } = JSON.parse((request.headers["content-encoding"] === "gzip" ? gunzipSync(wire) : wire).toString());
    const oracle = oracles.get(request.url?.split("/")[1] ?? "") as Oracle;
    try {
      const { fault, reply } = oracle.receive(String(request.headers["x-cuitty-idempotency-key"]), wire.toString("latin1"), events);
      respond(response, fault, reply);
    } catch (error) {
      failures.push(error);
      response.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterAll(() => {
  process.off("unhandledRejection", unhandled);
  vi.restoreAllMocks();
  server.closeAllConnections();
  server.close();
});

function respond(response: ServerResponse, fault: FaultName, reply: string): void {
  if (fault === "ok") response.end(reply);
  else if (fault === "reset") response.destroy();
  else if (fault === "lose_ack") {
    response.writeHead(200, { "Content-Length": reply.length }).write(reply.slice(0, reply.length / 2));
    setTimeout(() => response.destroy(), 2);
  } else if (fault === "garbage") response.end("<p>Sign in");
  else if (fault.startsWith("status_")) {
    const retryAfter = { status_429_seconds: "1", status_429_date: new Date(Date.now() + 1_000).toUTCString(), status_503_absurd: "1e99" }[
      fault as string
    ];
    response.writeHead(Number(fault.slice(7, 10)), retryAfter ? { "Retry-After": retryAfter } : {}).end();
  }
}

test(`no event is lost uncounted or stored twice in ${schedules} lives on real sockets`, { timeout: 120_000 }, async () => {
  const clients: (readonly [seed: number, client: CuittyClient])[] = [];
  const lives = Array.from({ length: schedules }, async (_, index) => {
    const seed = 1_000_000 + index;
    const random = createRandom(seed);
    oracles.set(`s${seed}`, createOracle(random, seed % 2 === 0));
    const client = createCuittyClient({
      portalUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/s${seed}`,
      projectId: "p",
      apiKey: "cuitty_sk_test",
      maxRetries: random.below(3),
      maxBufferSize: 1 + random.below(60),
      timeout: 1_500,
    });
    clients.push([seed, client]);
    await live(client, random, (ms) => new Promise((resolve) => setTimeout(resolve, ms / 4)));
    await client.shutdown(5_000);
  });
  await Promise.all(lives);
  expect(failures).toEqual([]);
  for (const [seed, client] of clients) {
    expect(client.stats().pending, `seed ${seed}`).toBe(0);
    oracles.get(`s${seed}`)?.check(client, false);
  }
  expect(unhandled).not.toHaveBeenCalled();
});
