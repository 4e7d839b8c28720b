// Hostile requests: each is answered with a plain 4xx, changes nothing and costs little.
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { audit } from "@cuitty/server-kit/audit";
import { logs } from "@cuitty/server-kit/logs";
import { serve } from "@cuitty/server-kit/node";
import { type TestKit, testKit } from "@cuitty/server-kit/testing";
import { signBody, signBodyExtended } from "@cuitty/wire-protocol/signature";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { auditEvent, type RunningKit, startKit } from "./running-kit.ts";

let kit: TestKit;
const faults: unknown[] = [];
beforeAll(async () => {
  kit = await testKit({ modules: [audit(), logs()], onFault: (fault) => faults.push(fault) });
});
afterAll(async () => {
  await kit.close();
  expect(faults).toEqual([]);
});

const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const goodBody = encode(JSON.stringify({ events: [auditEvent()] }));

/** Sends raw bytes with exactly these headers beside the content type. */
async function post(body: Uint8Array<ArrayBuffer>, headers: Readonly<Record<string, string>>): Promise<Response> {
  return kit.kit.fetch(
    new Request("http://kit.test/api/ingest", { method: "POST", body, headers: { "content-type": "application/json", ...headers } }),
  );
}

const signed = (body: Uint8Array<ArrayBuffer>, extra: Readonly<Record<string, string>> = {}): Promise<Response> =>
  post(body, {
    authorization: `Bearer ${kit.credentials.apiKey}`,
    "x-cuitty-signature": signBody(body, kit.credentials.webhookSecret),
    ...extra,
  });

const count = async (): Promise<number> =>
  (await kit.kit.eventIds("audit", kit.credentials.projectId)).length + (await kit.kit.eventIds("logs", kit.credentials.projectId)).length;

/** The first line of what a server answers to these bytes. */
const lineOf = (url: string, bytes: string): Promise<string> =>
  new Promise((resolve) => {
    const { port, hostname } = new URL(url);
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    let received = "";
    socket.setTimeout(3_000, () => socket.destroy());
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      if (received.includes("\r\n")) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(received.split("\r\n")[0] ?? ""));
  });

describe("signatures", () => {
  const good = () => signBody(goodBody, kit.credentials.webhookSecret);
  const refused = async (signature: string): Promise<void> => {
    const response = await post(goodBody, { authorization: `Bearer ${kit.credentials.apiKey}`, "x-cuitty-signature": signature });
    expect(response.status, signature).toBe(403);
  };

  test("wrong, short, upper-case, odd, prefixed, doubled and trailing forms are refused", async () => {
    const before = await count();
    const hex = good();
    const mutants = [
      hex.slice(0, 63),
      `${hex}0`,
      hex.toUpperCase(),
      `sha256=${hex}`,
      `${hex}, ${hex}`,
      `${hex} ${hex}`,
      `${hex.slice(0, 62)}zz`,
      `${hex.slice(0, 2)}${"z".repeat(62)}`,
      "0".repeat(64),
      signBody(goodBody, "another secret"),
      `t=1,k=x,v1=${hex}`,
      `v1=${hex}`,
    ];
    for (const mutant of mutants) await refused(mutant);
    expect(await count()).toBe(before);
  });

  test("no change of any character gets through", async () => {
    const hex = good();
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 63 }), fc.constantFrom(..."0123456789abcdefABCDEF gz,"), async (at, character) => {
        const mutant = hex.slice(0, at) + character + hex.slice(at + 1);
        if (mutant !== hex) await refused(mutant);
      }),
      { numRuns: 500 },
    );
  });

  test("the extended form covers time and key: outside the window, or under another key, it is refused", async () => {
    const { webhookSecret, apiKey, projectId } = kit.credentials;
    const [secret] = (await kit.kit.identity.projects.signingPolicy(projectId))?.secrets ?? [];
    const headersFor = (seconds: number, signedKey: string, sentKey: string) => ({
      authorization: `Bearer ${apiKey}`,
      "x-cuitty-idempotency-key": sentKey,
      "x-cuitty-signature": signBodyExtended(goodBody, webhookSecret, {
        timestampSeconds: seconds,
        secretId: secret?.id ?? "",
        idempotencyKey: signedKey,
      }),
    });
    const now = Math.floor(Date.now() / 1000);
    expect((await post(goodBody, headersFor(now, "extended-1", "extended-1"))).status).toBe(200);
    expect((await post(goodBody, headersFor(now - 290, "extended-2", "extended-2"))).status).toBe(200);
    for (const seconds of [now - 302, now + 302, 0]) {
      const response = await post(goodBody, headersFor(seconds, "extended-3", "extended-3"));
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([403, "signature_expired"]);
    }
    expect((await post(goodBody, headersFor(now, "extended-4", "extended-5"))).status).toBe(403);
  });

  test("bearers are refused unless there is exactly one", async () => {
    const { apiKey } = kit.credentials;
    for (const authorization of [
      `Bearer ${apiKey}, Bearer ${apiKey}`,
      `Bearer ${apiKey} x`,
      `Bearer  `,
      apiKey,
      `Bearer ${apiKey}\t`.trim().slice(0, -1),
      `Token ${apiKey}`,
    ]) {
      expect((await post(goodBody, { authorization })).status, authorization).toBe(401);
    }
  });
});

describe("bombs", () => {
  test("a gzip bomb is 413 and costs neither time nor memory", async () => {
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(256 * 1024 * 1024), { level: 9 }));
    const doubled = new Uint8Array(gzipSync(bomb));
    const send = async (body: Uint8Array<ArrayBuffer>) => (await signed(body, { "content-encoding": "gzip" })).status;
    expect(await send(bomb)).toBe(413);
    for (let index = 0; index < 20; index += 1) await send(bomb);
    global.gc?.();
    const before = process.memoryUsage().rss;
    const began = performance.now();
    for (let index = 0; index < 40; index += 1) expect(await send(bomb)).toBe(413);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 * 5 * 1024 * 1024 + 32 * 1024 * 1024);
    expect(performance.now() - began).toBeLessThan(10_000);
    // Unpacked once it is not JSON but another gzip stream.
    expect([400, 413]).toContain(await send(doubled));
  }, 60_000);

  test("other codings, lists of codings and broken streams are refused", async () => {
    for (const coding of ["br", "deflate", "gzip, gzip", "gzip,identity", "zstd", "gzip "]) {
      const status = (await signed(new Uint8Array(gzipSync(goodBody)), { "content-encoding": coding })).status;
      expect([coding.trim() === "gzip" ? 200 : 415], coding).toContain(status);
    }
    expect((await signed(goodBody, { "content-encoding": "gzip" })).status).toBe(400);
    expect((await signed(new Uint8Array(gzipSync(goodBody)).slice(0, -4), { "content-encoding": "gzip" })).status).toBe(400);
  });

  test("depth is bounded: ten thousand levels in an event are a rejection, millions are refused unread", async () => {
    const deep = `{"events":[{"type":"audit","ts":"2026-04-27T12:34:56Z","data":{"actor":"a","action":"b","resource":"c","x":${"[".repeat(10_000)}${"]".repeat(10_000)}}}]}`;
    const response = await signed(encode(deep));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ accepted: 0, rejected: [{ index: 0, code: "event_too_deep" }] });
    expect((await signed(encode("[".repeat(5_000_000)))).status).toBe(400);
    expect((await signed(encode(`${"[".repeat(200_000)}${"]".repeat(200_000)}`))).status).toBe(400);
    expect((await signed(encode(`{"events":${"[".repeat(200_000)}${"]".repeat(200_000)}}`))).status).toBe(200);
    // The engine takes a second and more for as many lists as fit into a body, however they are nested.
    expect((await signed(encode(`{"events":${"[".repeat(2_000_000)}${"]".repeat(2_000_000)}}`))).status).toBe(413);
  });

  test("too many events are 413, a large event is a rejection that harms no neighbour", async () => {
    expect((await signed(encode(JSON.stringify({ events: Array(10_001).fill(0) })))).status).toBe(413);
    const large = { ...auditEvent(), data: { actor: "a", action: "b", resource: "x".repeat(300_000) } };
    const response = await signed(encode(JSON.stringify({ events: [auditEvent(), large, auditEvent()] })));
    expect(await response.json()).toMatchObject({ accepted: 2, rejected: [{ index: 1, code: "event_too_large" }] });
  });

  test("a million keys in one body are answered", async () => {
    const keys = Array.from({ length: 400_000 }, (_, index) => `"k${index}":1`).join(",");
    expect([200, 413]).toContain(
      (await signed(encode(`{"events":[{"type":"audit","ts":"2026-04-27T12:34:56Z","data":{${keys}}}]}`))).status,
    );
  });
});

describe("odd values", () => {
  /** What is stored of one audit event sent as text. */
  const storedData = async (data: string): Promise<unknown> => {
    const response = await signed(encode(`{"events":[{"type":"audit","ts":"2026-04-27T12:34:56Z","data":${data}}]}`));
    expect(await response.text()).toBe('{"accepted":1,"rejected":[]}');
    const [opened] = kit.kit.modules.all;
    const rows = await opened?.file.all("SELECT data, meta FROM audit_events ORDER BY seq DESC LIMIT 1");
    return [JSON.parse(String(rows?.[0]?.[0])), rows?.[0]?.[1] === null ? null : JSON.parse(String(rows?.[0]?.[1]))];
  };

  test("of a key given twice the last counts, everywhere", async () => {
    expect(await storedData('{"actor":"first","actor":"second","action":"b","resource":"c"}')).toEqual([
      { actor: "second", action: "b", resource: "c" },
      null,
    ]);
  });

  test("names of the prototype are data and change nothing", async () => {
    const stored = await storedData(
      '{"actor":"a","action":"b","resource":"c","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}',
    );
    expect(JSON.stringify(stored)).toContain("polluted");
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    const inherited = await signed(
      encode('{"events":[{"__proto__":{"type":"audit","ts":"2026-04-27T12:34:56Z","data":{}}}],"__proto__":{"events":[]}}'),
    );
    expect(await inherited.json()).toMatchObject({ accepted: 0, rejected: [{ index: 0, reason: "type: required" }] });
    expect((await signed(encode('{"__proto__":{"events":[]}}'))).status).toBe(400);
  });

  test("half surrogates are stored as replacement characters, NUL and control characters as they are", async () => {
    expect(await storedData('{"actor":"a\\ud800b","action":"\\u0000\\u001b[2J","resource":"\\u2028"}')).toEqual([
      { actor: "a\uFFFDb", action: "\u0000\u001b[2J", resource: "\u2028" },
      null,
    ]);
  });

  test("invalid UTF-8 is 400, a byte order mark is skipped, numbers beyond doubles are rejected", async () => {
    expect((await signed(new Uint8Array([...encode('{"events":['), 0xff, 0xfe, ...encode("]}")]))).status).toBe(400);
    expect((await signed(new Uint8Array([0xef, 0xbb, 0xbf, ...goodBody]))).status).toBe(200);
    const infinite = encode(
      '{"events":[{"type":"audit","ts":"2026-04-27T12:34:56Z","data":{"actor":"a","action":"b","resource":"c","duration":1e999}}]}',
    );
    expect(await (await signed(infinite)).json()).toMatchObject({ accepted: 0, rejected: [{ index: 0, code: "invalid" }] });
  });

  test("no body at all makes a 5xx", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.string({ unit: "binary", maxLength: 300 }).map((text) => encode(text)),
          fc.json({ maxDepth: 6 }).map((text) => encode(text)),
          fc.json({ maxDepth: 4 }).map((text) => encode(`{"events":${text}}`)),
          fc
            .array(fc.record({ type: fc.constantFrom("audit", "log", "cost", "x"), ts: fc.anything(), data: fc.anything() }), {
              maxLength: 5,
            })
            .map((events) =>
              encode(JSON.stringify({ events }, (_key, value) => (typeof value === "bigint" ? String(value) : value)) ?? ""),
            ),
        ),
        async (bytes) => {
          const response = await signed(new Uint8Array(bytes));
          expect(response.status).toBeLessThan(500);
          if (response.status !== 200) return;
          const { accepted, rejected } = (await response.json()) as { accepted: number; rejected: { index: number }[] };
          const sent = (JSON.parse(new TextDecoder().decode(bytes)) as { events: unknown[] }).events.length;
          expect(accepted + rejected.length).toBe(sent);
        },
      ),
      { numRuns: 1_000 },
    );
  }, 60_000);
});

describe("framing", () => {
  let running: RunningKit;
  beforeAll(async () => {
    running = await startKit({ signaturePolicy: "optional" });
  });
  afterAll(() => running.close());

  /** The first line of the answer to raw bytes; "" when the connection is closed without one. */
  const raw = (bytes: string): Promise<string> => lineOf(running.url, bytes);

  test("no trick of framing or path reaches the handler", async () => {
    const before = (await running.kit.eventIds("audit", running.projectId)).length;
    const body = JSON.stringify({ events: [auditEvent()] });
    const head = (path: string, extra: string) =>
      `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${running.apiKey}\r\nContent-Type: application/json\r\n${extra}\r\n`;
    const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    const tricks: Record<string, string> = {
      "a length that is no number": head("/api/ingest", "Content-Length: abc\r\n") + body,
      "a negative length": head("/api/ingest", "Content-Length: -1\r\n") + body,
      "a length with a plus": head("/api/ingest", `Content-Length: +${body.length}\r\n`) + body,
      "two lengths": head("/api/ingest", `Content-Length: ${body.length}\r\nContent-Length: 2\r\n`) + body,
      "length and chunks": head("/api/ingest", `Content-Length: ${body.length}\r\nTransfer-Encoding: chunked\r\n`) + chunked,
      "chunks with bare line feeds": head("/api/ingest", "Transfer-Encoding: chunked\r\n") + `${body.length.toString(16)}\n${body}\n0\n\n`,
      "a folded header": head("/api/ingest", `X-A: b\r\n c\r\nContent-Length: ${body.length}\r\n`) + body,
      "two slashes": head("//api/ingest", `Content-Length: ${body.length}\r\n`) + body,
      "an encoded slash": head("/api%2Fingest", `Content-Length: ${body.length}\r\n`) + body,
      "a trailing slash": head("/api/ingest/", `Content-Length: ${body.length}\r\n`) + body,
      "another case": head("/API/ingest", `Content-Length: ${body.length}\r\n`) + body,
      "a type with a tab":
        head("/api/ingest", `Content-Length: ${body.length}\r\n`).replace("application/json", "application/json\t; x") + body,
    };
    for (const [name, bytes] of Object.entries(tricks)) {
      const line = await raw(bytes);
      if (name === "a type with a tab") continue;
      expect(line, name).toMatch(/^(HTTP\/1\.1 4\d\d|$)/);
    }
    const reached = (await running.kit.eventIds("audit", running.projectId)).length - before;
    expect(reached).toBeLessThanOrEqual(1);
    expect(await raw(head("/api/ingest", "Transfer-Encoding: chunked\r\n") + chunked)).toBe("HTTP/1.1 200 OK");
  }, 60_000);

  test("headers above 16 KB are refused by the server", async () => {
    expect(await raw(`POST /api/ingest HTTP/1.1\r\nHost: x\r\nX-Big: ${"a".repeat(40_000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431/);
  });

  test("a client that goes away in the middle leaves nothing behind", async () => {
    const before = (await running.kit.eventIds("audit", running.projectId)).length;
    const body = JSON.stringify({ events: [auditEvent(), auditEvent()] });
    const { port, hostname } = new URL(running.url);
    for (const share of [0.1, 0.5, 0.99]) {
      const socket = connect(Number(port), hostname);
      socket.on("error", () => undefined);
      const head = `POST /api/ingest HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${running.apiKey}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
      await new Promise<void>((resolve) => socket.write(head + body.slice(0, body.length * share), () => resolve()));
      await new Promise((resolve) => setTimeout(resolve, 20));
      socket.destroy();
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await running.kit.eventIds("audit", running.projectId)).length).toBe(before);
    expect(running.faults).toEqual([]);
  });

  test.each(["user:password@x", "x/?", "x#", "[::1", "x\\y", "x y", "x:99999", "@"])(
    "the host %s moves no path and is no fault of the server's",
    async (host) => {
      const asked: string[] = [];
      const told: unknown[] = [];
      const authenticate = async (request: Request) => {
        asked.push(new URL(request.url).pathname);
        return null;
      };
      const own = await testKit({ modules: [logs()], authenticate, onFault: (fault) => told.push(fault) });
      const server = await serve(own.kit, { port: 0 });
      try {
        for (const path of ["/api/modules/logs/events", "/api/stream?ticket=secret"]) {
          const answer = await lineOf(server.url, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
          expect(answer).toBe("HTTP/1.1 401 Unauthorized");
        }
        expect(asked).toEqual(["/api/modules/logs/events"]);
        expect(told).toEqual([]);
      } finally {
        await server.close(0);
        await own.close();
      }
    },
  );
});
