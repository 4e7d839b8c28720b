// The promises of POST /api/ingest, one by one, over real HTTP.
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { signBody } from "@cuitty/wire-protocol/signature";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { auditEvent, type RunningKit, send, sendEvents, startKit } from "./running-kit.ts";

let running: RunningKit;
beforeAll(async () => {
  running = await startKit({ signaturePolicy: "required" });
});
afterAll(() => running.close());

const stored = async (): Promise<number> => (await running.kit.eventIds("audit", running.projectId)).length;
const problem = async (response: Response): Promise<{ status: number; code: string }> => {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const { status, code } = (await response.json()) as { status: number; code: string };
  expect(status).toBe(response.status);
  return { status, code };
};

describe("idempotency", () => {
  test("the same key twice stores once and answers the same bytes", async () => {
    const before = await stored();
    const headers = { "x-cuitty-idempotency-key": crypto.randomUUID() };
    const body = JSON.stringify({ events: [auditEvent(), auditEvent("bob")] });
    const first = await send(running, body, { headers });
    const second = await send(running, body, { headers });
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(await second.text()).toBe(await first.text());
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(await stored()).toBe(before + 2);
  });

  test("the same key with another body is 422, also when the other body goes to another module", async () => {
    const headers = { "x-cuitty-idempotency-key": crypto.randomUUID() };
    expect((await sendEvents(running, [auditEvent()], { headers })).status).toBe(200);
    expect(await problem(await sendEvents(running, [auditEvent("mallory")], { headers }))).toEqual({
      status: 422,
      code: "idempotency_key_reused",
    });
    const log = { type: "log", ts: "2026-04-27T12:34:56Z", data: { level: "info", message: "hi" } };
    expect((await sendEvents(running, [log], { headers })).status).toBe(422);
  });

  test("a malformed key is 400", async () => {
    for (const key of ["short", "x".repeat(129), "with a space", "näh-näh-näh-näh"]) {
      const response = await sendEvents(running, [auditEvent()], { headers: { "x-cuitty-idempotency-key": key } });
      expect(await problem(response)).toEqual({ status: 400, code: "idempotency_key_invalid" });
    }
  });

  test("aliases and the quoted form name the same key", async () => {
    const key = crypto.randomUUID();
    const body = JSON.stringify({ events: [auditEvent()] });
    const replies = [];
    const spellings: Record<string, string>[] = [
      { "idempotency-key": `"${key}"` },
      { "x-idempotency-key": key },
      { "x-cuitty-idempotency-key": key },
    ];
    for (const headers of spellings) {
      replies.push((await send(running, body, { headers })).headers.get("idempotency-replayed"));
    }
    expect(replies).toEqual([null, "true", "true"]);
  });
});

describe("authenticity", () => {
  test("a body changed by one byte is 403", async () => {
    const body = new TextEncoder().encode(JSON.stringify({ events: [auditEvent()] }));
    const signature = signBody(body, running.webhookSecret);
    body[body.length - 3] = (body[body.length - 3] as number) ^ 1;
    const response = await send(running, body, { secret: null, headers: { "x-cuitty-signature": signature } });
    expect(await problem(response)).toEqual({ status: 403, code: "signature_mismatch" });
  });

  test("an unsigned batch is 403 where signatures are required", async () => {
    expect(await problem(await sendEvents(running, [auditEvent()], { secret: null }))).toEqual({ status: 403, code: "signature_required" });
  });

  test("where the extended form is required, the refusal names it and does not ask for what was sent", async () => {
    const extended = await startKit({ signaturePolicy: "extended" });
    try {
      for (const secret of [null, extended.webhookSecret]) {
        const { code, detail } = (await (await sendEvents(extended, [auditEvent()], { secret })).json()) as Record<string, string>;
        expect([code, detail]).toEqual(["signature_required", expect.stringContaining("t=<Unix seconds>,k=<secret id>,v1=<hex>")]);
        expect(detail).not.toMatch(/without a prefix/);
      }
    } finally {
      await extended.close();
    }
  });

  test("an empty signature is wrong where none is needed, and the refusal says to leave it out", async () => {
    const optional = await startKit({ signaturePolicy: "optional" });
    try {
      expect((await sendEvents(optional, [auditEvent()], { secret: null })).status).toBe(200);
      const empty = await sendEvents(optional, [auditEvent()], { secret: null, headers: { "x-cuitty-signature": "" } });
      const { code, detail } = (await empty.json()) as Record<string, string>;
      expect([empty.status, code, detail]).toEqual([403, "signature_mismatch", expect.stringContaining("leave it out")]);
    } finally {
      await optional.close();
    }
  });

  test("a batch signed with the secret key itself is accepted", async () => {
    expect((await sendEvents(running, [auditEvent()], { secret: running.apiKey })).status).toBe(200);
  });

  test("X-Project-Id of another project is 403, of the key's own is fine", async () => {
    const other = await sendEvents(running, [auditEvent()], { headers: { "x-project-id": "proj_other" } });
    expect(await problem(other)).toEqual({ status: 403, code: "project_mismatch" });
    expect((await sendEvents(running, [auditEvent()], { headers: { "x-project-id": running.projectId } })).status).toBe(200);
  });

  test("no bearer, a wrong one and a changed one are 401 with a challenge", async () => {
    const flipped = running.apiKey.slice(0, -1) + (running.apiKey.endsWith("a") ? "b" : "a");
    for (const authorization of ["", "Basic abc", `Bearer ${flipped}`, `Bearer ${running.apiKey}, Bearer ${running.apiKey}`, "Bearer"]) {
      const response = await sendEvents(running, [auditEvent()], { headers: { authorization } });
      expect(await problem(response)).toEqual({ status: 401, code: "unauthorized" });
      expect(response.headers.get("www-authenticate")).toMatch(/^Bearer/);
    }
  });
});

describe("bodies", () => {
  test.each([
    ["{", 400, "invalid_json"],
    ["[]", 400, "invalid_envelope"],
    ['{"events":{}}', 400, "invalid_envelope"],
    ["{}", 400, "invalid_envelope"],
    ["", 400, "invalid_json"],
  ])("%j is %i %s", async (body, status, code) => {
    expect(await problem(await send(running, body))).toEqual({ status, code });
  });

  test("an empty list is accepted", async () => {
    expect(await (await sendEvents(running, [])).text()).toBe('{"accepted":0,"rejected":[]}');
  });

  test("another content type or coding is 415", async () => {
    const body = JSON.stringify({ events: [auditEvent()] });
    expect((await send(running, body, { headers: { "content-type": "text/plain" } })).status).toBe(415);
    const coded = await send(running, body, { headers: { "content-encoding": "br" } });
    expect(await problem(coded)).toEqual({ status: 415, code: "unsupported_content_encoding" });
    expect(coded.headers.get("accept-encoding")).toBe("gzip");
  });

  test("gzip is signed over the compressed bytes and accepted", async () => {
    const body = new Uint8Array(gzipSync(JSON.stringify({ events: [auditEvent()] })));
    expect(await (await send(running, body, { headers: { "content-encoding": "gzip" } })).text()).toBe('{"accepted":1,"rejected":[]}');
  });

  test("one bad event of three: two are stored and the third is named", async () => {
    const before = await stored();
    const bad = { type: "audit", ts: "2026-04-27T12:34:56Z", data: { action: "secret.rotate", resource: "stripe.live_key" } };
    const response = await sendEvents(running, [auditEvent(), bad, auditEvent()]);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ accepted: 2, rejected: [{ index: 1, reason: "data.actor: required", code: "required" }] });
    expect(await stored()).toBe(before + 2);
  });

  test("an unknown type and a type without its module are rejected, each with its code", async () => {
    const ts = "2026-04-27T12:34:56Z";
    const cost = { provider: "gcp", service: "compute", region: "us-central1", amount: 1, currency: "USD", period: "2026-04" };
    const response = await sendEvents(running, [
      { type: "nope", ts, data: {} },
      { type: "cost", ts, data: cost },
    ]);
    const { accepted, rejected } = (await response.json()) as { accepted: number; rejected: { reason: string; code: string }[] };
    expect(accepted).toBe(0);
    expect(rejected.map(({ code }) => code)).toEqual(["unknown_type", "type_not_enabled"]);
    expect(rejected[0]?.reason).toBe("type: unknown");
  });

  test("a known event id counts as duplicate", async () => {
    const event = { ...auditEvent(), id: "018f3c5a-7b1c-7def-8abc-0123456789ab" };
    expect(await (await sendEvents(running, [event])).text()).toBe('{"accepted":1,"rejected":[]}');
    expect(await (await sendEvents(running, [event, auditEvent()])).text()).toBe('{"accepted":1,"rejected":[],"duplicate":1}');
  });

  test("a body above 5 MiB is 413 before it is read", async () => {
    const { port, hostname } = new URL(running.url);
    const head = `POST /api/ingest HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${running.apiKey}\r\nContent-Type: application/json\r\nContent-Length: 104857600\r\n\r\n`;
    const socket = connect(Number(port), hostname);
    const answer = new Promise<string>((resolve, reject) => {
      socket.once("data", (data) => resolve(data.toString()));
      socket.once("error", reject);
    });
    // A first kilobyte of a hundred megabytes: the answer must not wait for the rest.
    socket.write(head + "x".repeat(1024));
    expect(await answer).toMatch(/^HTTP\/1\.1 413 /);
    socket.destroy();
  });

  test("a chunked body above 5 MiB is 413", async () => {
    const piece = new Uint8Array(64 * 1024).fill(32);
    let sent = 0;
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull(controller) {
        sent += piece.length;
        if (sent > 20 * 1024 * 1024) controller.close();
        else controller.enqueue(piece);
      },
    });
    const response = await fetch(`${running.url}/api/ingest`, {
      method: "POST",
      body,
      duplex: "half",
      headers: { authorization: `Bearer ${running.apiKey}`, "content-type": "application/json" },
    } as RequestInit).catch((error: unknown) => error);
    // The client may see the answer or the closed connection first; it must not have sent everything.
    if (response instanceof Response) expect(response.status).toBe(413);
    expect(sent).toBeLessThan(20 * 1024 * 1024);
  });
});
