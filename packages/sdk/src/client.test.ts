// The client from the outside, against a real HTTP server.
import { createHmac } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { createCuittyClient } from "@cuitty/sdk";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

interface Request {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly wire: Buffer;
  readonly events: readonly { id: string; type: string; ts: string; data: Record<string, unknown> }[];
}

let server: Server;
let requests: Request[];
let portalUrl: string;

beforeEach(async () => {
  requests = [];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const wire = Buffer.concat(chunks);
      const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(wire) : wire;
      const { events } = JSON.parse(body.toString());
      requests.push({ url: request.url ?? "", headers: request.headers, wire, events });
      response.end(JSON.stringify({ accepted: events.length, rejected: [] }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  portalUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

const identity = { projectId: "7d9f3a52-7c2c-4f0e-9a77-0b1f0a1c2d3e", apiKey: "cuitty_sk_test" };

describe("a request", () => {
  test("carries the documented headers, and a body signed byte for byte", async () => {
    const client = createCuittyClient({ portalUrl: `${portalUrl}/`, ...identity, webhookSecret: "whsec" }).start();
    await client.emit({ type: "audit", timestamp: "2026-04-27T12:34:56Z", data: { actor: "alice@example.com" } });
    expect(await client.flush()).toEqual({ sent: 1, pending: 0, dropped: 0 });
    const [request] = requests as [Request];
    expect(request.url).toBe("/api/ingest");
    expect(request.headers).toMatchObject({
      authorization: "Bearer cuitty_sk_test",
      "content-type": "application/json",
      "x-project-id": identity.projectId,
      "x-cuitty-idempotency-key": expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      "x-cuitty-signature": createHmac("sha256", "whsec").update(request.wire).digest("hex"),
    });
    expect(request.events).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
        type: "audit",
        ts: "2026-04-27T12:34:56Z",
        data: { actor: "alice@example.com" },
      },
    ]);
    await client.shutdown();
  });

  test("is compressed above 1 KiB and signed over what is on the wire", async () => {
    const client = createCuittyClient({ portalUrl, ...identity }).start();
    for (let n = 0; n < 100; n++) client.emit({ type: "log", data: { level: "info", message: `line ${n}` } });
    await client.shutdown();
    const [request] = requests as [Request];
    expect(request.headers["content-encoding"]).toBe("gzip");
    expect(request.headers["x-cuitty-signature"]).toBe(createHmac("sha256", "cuitty_sk_test").update(request.wire).digest("hex"));
    expect(request.events.map((event) => event.data.message)).toEqual(Array.from({ length: 100 }, (_, n) => `line ${n}`));
  });
});

test("a reply that unpacks to more than a reply may be is not read to its end", async () => {
  let read = 0;
  const part = new Uint8Array(2 ** 16).fill(32);
  const fetch = async () => {
    const body = new ReadableStream({
      pull(stream) {
        read += part.length;
        if (read > 2 ** 26) stream.close();
        else stream.enqueue(part);
      },
    });
    // As it comes from fetch when 60 kB of gzip unpack to 64 MiB.
    return new Response(body, { headers: { "Content-Encoding": "gzip", "Content-Length": "61440" } });
  };
  const client = createCuittyClient({ portalUrl, ...identity, fetch, maxRetries: 0 });
  client.emit({ type: "audit", data: {} });
  expect(await client.flush()).toEqual({ sent: 0, pending: 0, dropped: 1 });
  expect(read).toBeLessThan(2 ** 21);
  await client.shutdown();
});

test("events emitted before start wait for it", async () => {
  const client = createCuittyClient({ portalUrl, ...identity });
  client.emit({ type: "audit", data: { n: 1 } });
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(requests).toHaveLength(0);
  client.start();
  await expect.poll(() => client.stats()).toMatchObject({ emitted: 1, sent: 1, pending: 0 });
  expect(requests).toHaveLength(1);
  await client.close();
});

test("emit answers with one shared promise that is resolved already", async () => {
  const client = createCuittyClient({ portalUrl, ...identity });
  const first = client.emit({ type: "audit", data: {} });
  expect(client.emit({ type: "audit", data: {} })).toBe(first);
  await expect(first).resolves.toBeUndefined();
  await client.shutdown();
});

test("a plugin sees neither the API key nor the secret", async () => {
  let seen = "";
  const client = createCuittyClient({
    portalUrl: "http://127.0.0.1:9",
    projectId: "p",
    apiKey: "cuitty_sk_visible",
    webhookSecret: "whsec_visible",
  });
  client.use({ name: "curious", setup: (context) => (seen = JSON.stringify(context)) }).start();
  await client.shutdown(0);
  expect(seen).toContain("http://127.0.0.1:9");
  expect(seen).not.toContain("visible");
});
