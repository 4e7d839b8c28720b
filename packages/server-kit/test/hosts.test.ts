// One contract for every host: the exact bytes arrive or a clear error says how to mount, never a wrong verdict on a signature, never a hang.
import { mkdtemp, rm } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { ServerKit } from "@cuitty/server-kit";
import { serve } from "@cuitty/server-kit/node";
import { signBody } from "@cuitty/wire-protocol/signature";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEventParser } from "../src/sse/test-tools/event-parser.ts";
import { until } from "../src/sse/test-tools/stream-server.ts";
import { type Answer, type Host, hosts, openKit, type RunningHost, type Sending, sendTo } from "./host-servers.ts";

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const event = (extra = ""): string => `{"type":"log","ts":"2026-04-27T12:34:56Z","data":{"level":"info","message":"m"${extra}}}`;

/** Bodies that any parse-and-print would change. */
const corpus: readonly [string, string][] = [
  ["plain", `{"events":[${event()}]}`],
  ["a number that prints otherwise", `{"events":[${event(',"fields":{"n":1.0,"e":1e3}')}]}`],
  ["escapes", `{"events":[${event(',"fields":{"t":"\\u00e9\\/\\u0041"}')}]}`],
  ["a large integer", `{"events":[${event(',"fields":{"n":12345678901234567890}')}]}`],
  ["repeated keys", `{"events":[${event(',"fields":{"a":1,"a":2}')}]}`],
  ["white space and CRLF", `{ "events" :\r\n\t[ ${event()} ]\r\n}\r\n`],
  ["characters of two, three and four bytes", `{"events":[${event(',"fields":{"t":"é€𝄞\u2028"}')}]}`],
];

describe.each(hosts.map((host) => [host.name, host] as const))("%s", (_name, host: Host) => {
  let kit: ServerKit;
  let running: RunningHost | null = null;
  let dataDir: string;
  let apiKey: string;
  let webhookSecret: string;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "cuitty-host-"));
    ({ kit, apiKey, webhookSecret } = await openKit(dataDir));
    running = (await host.listen?.(kit)) ?? null;
  });
  afterAll(async () => {
    await kit.close();
    await running?.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  const send = (sending: Sending): Promise<Answer> => sendTo(host, running, kit, sending);

  function ingest(
    body: Uint8Array<ArrayBuffer>,
    options: { signature?: string; headers?: Record<string, string>; isChunked?: boolean } = {},
  ): Promise<Answer> {
    const headers = {
      authorization: `Bearer ${apiKey}`,
      "content-type": "application/json",
      "x-cuitty-signature": options.signature ?? signBody(body, webhookSecret),
      ...options.headers,
    };
    return send({ method: "POST", path: "/api/ingest", headers, body, ...(options.isChunked ? { isChunked: true } : {}) });
  }

  const codeOf = (answer: Answer): unknown => (JSON.parse(answer.body) as { code?: string }).code;

  test.each(corpus)("%s: taken as signed, refused when a byte is changed", async (_case, text) => {
    const body = bytes(text);
    const changed = bytes(text.replace('"m"', '"n"'));
    const [good, bad] = [await ingest(body), await ingest(changed, { signature: signBody(body, webhookSecret) })];
    if (host.body === "spent") {
      expect([good.status, codeOf(good), bad.status, codeOf(bad)]).toEqual([500, "body_already_consumed", 500, "body_already_consumed"]);
      expect(good.body).toMatch(/mount the kit before body parsers/);
      return;
    }
    expect([good.status, good.body]).toEqual([200, '{"accepted":1,"rejected":[]}']);
    expect([bad.status, codeOf(bad)]).toEqual([403, "signature_mismatch"]);
  });

  test("a body in pieces without a length", async () => {
    const answer = await ingest(bytes(corpus[6]?.[1] ?? ""), { isChunked: true });
    // Text alone does not tell whether its bytes began with a mark that decoding has eaten.
    const isLost = host.body === "spent" || (host.name.includes("read json()") && !host.isHttp2);
    expect(answer.status).toBe(isLost ? 500 : 200);
  });

  test("a byte order mark in a body without a length: never a wrong verdict on the signature", async () => {
    const body = new Uint8Array([0xef, 0xbb, 0xbf, ...bytes(`{"events":[${event()}]}`)]);
    const [good, bad] = [
      await ingest(body, { isChunked: true }),
      await ingest(body, { isChunked: true, signature: signBody(body.subarray(3), webhookSecret) }),
    ];
    if (host.name.includes("express.json()")) return;
    const isLost = host.body === "spent" || host.name.includes("read json()");
    expect([good.status, bad.status]).toEqual(isLost ? [500, 500] : [200, 403]);
  });

  test.each([false, true])("a body of several pieces, far over what a stream buffers (chunked: %s)", async (isChunked) => {
    const answer = await ingest(bytes(`{"events":[${event()}]}${" ".repeat(300 * 1024)}`), { isChunked });
    const isLost = host.body === "spent" || (isChunked && host.name.includes("read json()"));
    expect(answer.status).toBe(isLost ? 500 : 200);
  });

  test("a target with a fragment in it is not the kit's", async () => {
    if (running === null || host.isHttp2) return;
    const answer = await rawAnswer(running.port, `GET ${host.prefix}/api/health#x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(answer).not.toMatch(/"status":"ok"/);
  });

  test("a compressed body is signed as it travels", async () => {
    const body = new Uint8Array(gzipSync(`{"events":[${event()}]}`));
    const answer = await ingest(body, { headers: { "content-encoding": "gzip" } });
    const isGone = host.body === "spent" || host.body === "kept-unless-coded" || host.name.includes("read json()");
    if (isGone) expect([answer.status, codeOf(answer)]).toEqual([500, "body_already_consumed"]);
    else expect([answer.status, answer.body]).toEqual([200, '{"accepted":1,"rejected":[]}']);
  });

  test.each([
    ["a byte order mark", [0xef, 0xbb, 0xbf]],
    ["bytes that are not UTF-8", [0xff, 0xfe]],
  ])("%s: never a wrong verdict on the signature", async (_case, prefix) => {
    const answer = await ingest(new Uint8Array([...prefix, ...bytes(`{"events":[${event()}]}`)]));
    // A mark at the beginning is skipped, as JSON allows; what is not UTF-8 is refused; bytes that decoding has lost are an error of mounting.
    const isLost = host.body === "spent" || host.name.includes("read json()");
    const expected = isLost ? 500 : prefix.length === 3 ? 200 : 400;
    // express.json() refuses what is not JSON by itself.
    expect([expected, host.name.includes("express.json()") ? 400 : expected]).toContain(answer.status);
    expect(answer.body).not.toMatch(/signature_/);
  });

  test("a body over the limit is refused", async () => {
    const answer = await ingest(new Uint8Array(5 * 1024 * 1024 + 1).fill(32), { signature: "0".repeat(64) });
    const parserRefuses = host.name.includes("express.json()");
    expect(answer.status).toBe(parserRefuses ? 400 : host.body === "spent" ? 500 : 413);
  });

  test("health, an unknown method, a read without a key", async () => {
    const health = await send({ path: "/api/health" });
    expect([health.status, health.body]).toEqual([200, '{"status":"ok"}']);
    expect((await send({ method: "HEAD", path: "/api/health" })).body).toBe("");
    expect((await send({ method: "DELETE", path: "/api/ingest" })).status).toBe(405);
    const read = await send({ path: "/api/modules/logs/events" });
    expect([read.status, read.headers.get("content-type")]).toEqual([401, "application/problem+json"]);
    const list = await send({ path: "/api/modules/logs/events?limit=1", headers: { authorization: `Bearer ${apiKey}` } });
    expect(list.status).toBe(200);
  });

  test("paths that are not the kit's go on to the app, those under /api too", async () => {
    if (running === null) return;
    expect((await send({ method: "POST", path: "/api/own", body: bytes("{}") })).body).toBe("the app's own");
  });

  test("two bearers are no bearer", async () => {
    if (running === null || host.isHttp2) return;
    const text = await rawAnswer(
      running.port,
      `GET ${host.prefix}/api/modules/logs/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${apiKey}\r\nAuthorization: Bearer other\r\nConnection: close\r\n\r\n`,
    );
    expect(text).toMatch(/^HTTP\/1.1 401 /);
  });

  test("a live stream delivers, and its end is noticed", async () => {
    const parser = createEventParser();
    const { stop } = await openStream(host, { running, kit, apiKey }, (chunk) => parser.push(chunk));
    await until(() => parser.retryMs() !== null);
    await writeDirectly(kit, { apiKey, webhookSecret });
    await until(() => parser.events.length === 1);
    expect(parser.events[0]).toMatchObject({ type: "message" });
    stop();
    await until(() => kit.stats().streams === 0);
  });

  test("HEAD of a live stream is its head at once, and holds nothing", async () => {
    for (const path of ["/api/stream", "/api/modules/logs/stream"]) {
      const answer = await send({ method: "HEAD", path, headers: { authorization: `Bearer ${apiKey}` } });
      expect([answer.status, answer.headers.get("content-type"), answer.body]).toEqual([200, "text/event-stream; charset=utf-8", ""]);
      expect((await send({ method: "HEAD", path })).status).toBe(401);
    }
    expect(kit.stats().streams).toBe(0);
  });

  test("a client that stops reading for a while gets everything, in order and once", async () => {
    const parser = createEventParser();
    const { stop, pause, resume } = await openStream(host, { running, kit, apiKey }, (chunk) => parser.push(chunk));
    await until(() => parser.retryMs() !== null);
    const first = Number(parser.lastEventId().split(":")[1]) + 1;
    pause();
    const count = 40;
    for (let index = 0; index < count; index++)
      await writeDirectly(kit, { apiKey, webhookSecret }, `,"fields":{"t":"${"x".repeat(200_000)}"}`);
    resume();
    await until(() => parser.events.length >= count);
    expect(parser.events.map(({ id }) => id)).toEqual(Array.from({ length: count }, (_, index) => `logs:${first + index}`));
    stop();
    await until(() => kit.stats().streams === 0);
  });
});

test("a server with nothing but the kit answers other paths with a problem and a request id", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "cuitty-host-"));
  const { kit } = await openKit(dataDir);
  const server = await serve(kit, { port: 0 });
  try {
    const named = await fetch(`${server.url}/elsewhere`, { headers: { "x-request-id": "mine-1" } });
    expect([named.status, named.headers.get("x-request-id"), await named.json()]).toMatchObject([
      404,
      "mine-1",
      { code: "not_found", instance: "mine-1" },
    ]);
    const { instance } = (await (await fetch(`${server.url}/elsewhere`)).json()) as { instance: string };
    expect(instance).toMatch(/^[0-9a-f-]{36}$/);
  } finally {
    await server.close(0);
    await kit.close();
    await rm(dataDir, { recursive: true, force: true });
  }
});

/** Sends text as it is and takes everything until the server closes. */
function rawAnswer(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let got = "";
    socket.on("data", (data) => {
      got += data.toString();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(got));
    socket.write(text);
  });
}

async function writeDirectly(
  kit: ServerKit,
  { apiKey, webhookSecret }: { apiKey: string; webhookSecret: string },
  extra = "",
): Promise<void> {
  const body = bytes(`{"events":[${event(extra)}]}`);
  const headers = {
    authorization: `Bearer ${apiKey}`,
    "content-type": "application/json",
    "x-cuitty-signature": signBody(body, webhookSecret),
  };
  const response = await kit.fetch(new Request("http://x/api/ingest", { method: "POST", headers, body }));
  expect(response.status).toBe(200);
}

interface Place {
  readonly running: RunningHost | null;
  readonly kit: ServerKit;
  readonly apiKey: string;
}

interface OpenStream {
  stop(): void;
  pause(): void;
  resume(): void;
}

/** Opens `?topics=logs`. */
async function openStream(host: Host, { running, kit, apiKey }: Place, onChunk: (chunk: Uint8Array) => void): Promise<OpenStream> {
  const path = `${host.prefix}/api/stream?topics=logs`;
  const headers = { authorization: `Bearer ${apiKey}` };
  if (running === null) return readBody(await kit.fetch(new Request(`http://x${path}`, { headers })), onChunk);
  if (host.isHttp2) {
    const session = connectHttp2(`http://127.0.0.1:${running.port}`);
    const stream = session.request({ ":path": path, ...headers });
    stream.on("data", onChunk);
    stream.on("response", (given) => {
      expect(given[":status"]).toBe(200);
      expect(given["content-type"]).toMatch(/^text\/event-stream/);
    });
    return { stop: () => session.destroy(), pause: () => void stream.pause(), resume: () => void stream.resume() };
  }
  const request = httpRequest({ port: running.port, host: "127.0.0.1", path, headers });
  const response = await new Promise<IncomingMessage>((resolve) => request.on("response", resolve).end());
  request.on("error", () => {});
  response.on("error", () => {});
  expect(response.headers["content-type"]).toMatch(/^text\/event-stream/);
  response.on("data", onChunk);
  return { stop: () => request.destroy(), pause: () => void response.pause(), resume: () => void response.resume() };
}

function readBody(response: Response, onChunk: (chunk: Uint8Array) => void): OpenStream {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  let wake: (() => void) | null = null;
  let mayRead = Promise.resolve();
  void (async () => {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      onChunk(read.value);
      await mayRead;
    }
  })();
  return {
    stop: () => void reader.cancel(),
    pause() {
      mayRead = new Promise((resolve) => {
        wake = resolve;
      });
    },
    resume: () => wake?.(),
  };
}
