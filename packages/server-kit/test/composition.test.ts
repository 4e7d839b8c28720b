// Parts on their own: a route of stages without a kit, stages added to a kit, direct calls, spans and ids.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import {
  authenticate,
  createContextMaker,
  createPipeline,
  createProcessBus,
  decodeBody,
  fetchExchange,
  idempotency,
  type KitApi,
  makeKey,
  openModules,
  readBody,
  respond,
  type Subject,
  shed,
  staticKeys,
  staticSecrets,
  systemRandom,
  validate,
  verifySignature,
  write,
} from "@cuitty/server-kit";
import { logs } from "@cuitty/server-kit/logs";
import { testKit } from "@cuitty/server-kit/testing";
import { signBody } from "@cuitty/wire-protocol/signature";
import { describe, expect, test } from "vitest";

const log = { type: "log", ts: "2026-04-27T12:34:56Z", data: { level: "info", message: "hi" } };

test("stages with keys, secrets and modules from constructors make a route without a kit", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "cuitty-parts-"));
  const modules = await openModules({ dataDir, modules: [logs()] });
  try {
    const { key } = makeKey("sk", systemRandom);
    const keys = staticKeys([{ key, projectId: "shop" }]);
    const secrets = staticSecrets([{ projectId: "shop", secrets: ["current", "previous"] }]);
    const hints: string[] = [];
    const bus = createProcessBus();
    bus.subscribe("logs:shop", () => hints.push("logs:shop"));
    const pipeline = createPipeline([
      { name: "authenticate", stage: authenticate(keys) },
      { name: "readBody", stage: readBody() },
      { name: "verifySignature", stage: verifySignature(secrets) },
      { name: "decodeBody", stage: decodeBody() },
      { name: "idempotency", stage: idempotency() },
      { name: "validate", stage: validate([logs()]) },
      { name: "write", stage: write(modules, { bus }) },
      { name: "respond", stage: respond() },
    ]);
    const makeContext = createContextMaker();
    const body = new TextEncoder().encode(JSON.stringify({ events: [log] }));
    const send = async (secret: string, bearer = key) => {
      const headers = {
        authorization: `Bearer ${bearer}`,
        "content-type": "application/json",
        "x-cuitty-signature": signBody(body, secret),
      };
      const reply = await pipeline.run(
        makeContext(fetchExchange(new Request("http://app.test/telemetry", { method: "POST", body, headers }))),
      );
      return `${reply.status} ${reply.status === 200 ? await reply.text() : ""}`;
    };
    expect(await send("current")).toBe('200 {"accepted":1,"rejected":[]}');
    expect(await send("previous")).toBe('200 {"accepted":1,"rejected":[]}');
    expect(await send("another")).toBe("403 ");
    expect(await send("current", makeKey("sk", systemRandom).key)).toBe("401 ");
    expect(hints).toHaveLength(2);
  } finally {
    await modules.close();
    await rm(dataDir, { recursive: true, force: true });
  }
});

test("the write stage lets go of the events before they are on disk, where it is told that nobody wants them later", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "cuitty-write-"));
  const modules = await openModules({ dataDir, modules: [logs()] });
  try {
    for (const isUntouched of [true, false]) {
      const context = createContextMaker()(fetchExchange(new Request("http://app.test/", { method: "POST" })));
      const batch = { valid: [], rejected: [{ index: 0, reason: "type: unknown" }] };
      Object.assign(context, { projectId: "p1", events: [{}], batch });
      const written = write(modules, { hasBuiltInStagesOnly: () => isUntouched })(context);
      expect([context.events, context.batch]).toEqual(isUntouched ? [null, null] : [[{}], batch]);
      await written;
      expect(context.replyBody).toBe('{"accepted":0,"rejected":[{"index":0,"reason":"type: unknown"}]}');
    }
  } finally {
    await modules.close();
    await rm(dataDir, { recursive: true, force: true });
  }
});

test("one client's uploads leave room for the others', and a page may read when to come back", () => {
  const makeContext = createContextMaker();
  const stage = shed({ maxInFlightBytes: 100 });
  const enter = (authorization: string, bytes: number) => {
    const headers = { authorization, "content-length": String(bytes), origin: "https://shop.example" };
    const context = makeContext(fetchExchange(new Request("http://app.test/", { method: "POST", headers })));
    try {
      stage(context);
      return { isIn: true, context };
    } catch (error) {
      expect(error).toMatchObject({ code: "overloaded", retryable: true });
      return { isIn: false, context };
    }
  };
  const first = enter("Bearer cuitty_sk_a", 40);
  // The same key however it is written.
  const again = ["Bearer cuitty_sk_a", "bearer cuitty_sk_a", "BEARER   cuitty_sk_a"].map((authorization) => enter(authorization, 20));
  const others = [enter("Bearer cuitty_sk_b", 40), enter("Bearer cuitty_sk_c", 30)];
  expect([first, ...again, ...others].map(({ isIn }) => isIn)).toEqual([true, false, false, false, true, false]);
  first.context.settle(new Response());
  expect([enter("Bearer cuitty_sk_a", 20).isIn, enter("Bearer cuitty_pk_d", 45).isIn]).toEqual([true, false]);
  const { context } = enter("Bearer cuitty_pk_d", 45);
  expect(context.replyHeaders.get("access-control-allow-origin")).toBe("https://shop.example");
  expect(others[1]?.context.replyHeaders.has("access-control-allow-origin")).toBe(false);
});

test("a body of unknown length counts what has come of it, and is refused where it grows beyond the room", async () => {
  const makeContext = createContextMaker();
  const stages = createPipeline([
    { name: "shed", stage: shed({ maxInFlightBytes: 1_000_000 }) },
    { name: "readBody", stage: readBody() },
    { name: "end", stage: () => new Response("read") },
  ]);
  const enter = (key: string, body: ReadableStream<Uint8Array>) => {
    const headers = { authorization: `Bearer cuitty_sk_${key}`, "content-type": "application/json" };
    return stages.run(
      makeContext(fetchExchange(new Request("http://app.test/", { method: "POST", headers, body, duplex: "half" } as RequestInit))),
    );
  };
  const growing = () => {
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start(given) {
        controller = given;
      },
    });
    return { body, add: (bytes: number) => controller.enqueue(new Uint8Array(bytes)), end: () => controller.close() };
  };
  const [first, second] = [growing(), growing()];
  const replies = [enter("a", first.body), enter("b", second.body)];
  first.add(450_000);
  await new Promise((resolve) => setTimeout(resolve, 10));
  second.add(450_000);
  await new Promise((resolve) => setTimeout(resolve, 10));
  second.add(450_000);
  expect((await replies[1])?.status).toBe(503);
  // What it had taken is free again.
  first.add(450_000);
  first.end();
  expect((await replies[0])?.status).toBe(200);
});

test("a body counts what it is when it is unpacked", async () => {
  const makeContext = createContextMaker();
  let goOn!: () => void;
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const stages = createPipeline([
    { name: "shed", stage: shed({ maxInFlightBytes: 1_000_000 }) },
    { name: "readBody", stage: readBody() },
    { name: "decodeBody", stage: decodeBody() },
    { name: "end", stage: () => held.then(() => new Response("decoded")) },
  ]);
  const body = gzipSync(JSON.stringify({ events: ["x".repeat(400_000)] }));
  const enter = (key: string) => {
    const headers = {
      authorization: `Bearer cuitty_sk_${key}`,
      "content-type": "application/json",
      "content-encoding": "gzip",
      "content-length": String(body.byteLength),
    };
    return stages.run(makeContext(fetchExchange(new Request("http://app.test/", { method: "POST", headers, body: new Uint8Array(body) }))));
  };
  const admitted = [enter("a"), enter("b")];
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect((await enter("c")).status).toBe(503);
  goOn();
  expect((await Promise.all(admitted)).map(({ status }) => status)).toEqual([200, 200]);
  // What they took is free again.
  expect((await enter("a")).status).toBe(200);
});

test("many small bodies of unknown length are taken at the same time", async () => {
  const kit = await testKit({ modules: [logs()] });
  try {
    const bytes = new TextEncoder().encode(JSON.stringify({ events: [log] }));
    const headers = {
      authorization: `Bearer ${kit.credentials.apiKey}`,
      "content-type": "application/json",
      "x-cuitty-signature": signBody(bytes, kit.credentials.webhookSecret),
    };
    const send = () => {
      const body = new Blob([bytes]).stream();
      return kit.kit.fetch(new Request("http://kit.test/api/ingest", { method: "POST", headers, body, duplex: "half" } as RequestInit));
    };
    const replies = await Promise.all(Array.from({ length: 100 }, send));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
  } finally {
    await kit.close();
  }
});

describe("what is stored as JSON", () => {
  async function storedMessages({ kit }: Awaited<ReturnType<typeof testKit>>): Promise<unknown[]> {
    const rows = await kit.modules.ofName("logs")?.file.all("SELECT data FROM logs_events ORDER BY seq");
    return (rows ?? []).map(([data]) => (JSON.parse(String(data)) as { message: unknown }).message);
  }

  test("comes back as it was sent, with and without characters that JSON escapes", async () => {
    const kit = await testKit({ modules: [logs()] });
    try {
      const texts = ["plain, é, 😀, \u2028", 'with "quotes"', "back\\slash", "line\nfeed \u0000", "/slashes/"];
      for (const message of texts) await kit.ingest([{ ...log, data: { ...log.data, message } }]);
      expect(await storedMessages(kit)).toEqual(texts);
    } finally {
      await kit.close();
    }
  });

  test("is whole JSON also when a stage of the app changes what was sent", async () => {
    const kit = await testKit({ modules: [logs()] });
    try {
      kit.kit.stages.before("write", (context) => {
        for (const event of context.batch?.valid ?? []) (event.data as Record<string, unknown>).message = 'said "no"\n';
      });
      await kit.ingest([log]);
      expect(await storedMessages(kit)).toEqual(['said "no"\n']);
    } finally {
      await kit.close();
    }
  });
});

describe("a kit", () => {
  test("runs an app's stage before or after any named one", async () => {
    const kit = await testKit({ modules: [logs()] });
    try {
      const order: string[] = [];
      kit.kit.stages.before("write", (context) => void order.push(`before write: ${context.batch?.valid.length}`), "mine");
      kit.kit.stages.after("write", (context) => void order.push(`after write: ${context.batch?.valid.length} ${context.replyBody}`));
      expect(kit.kit.stages.names.indexOf("mine")).toBe(kit.kit.stages.names.indexOf("write") - 1);
      await kit.ingest([log]);
      expect(order).toEqual(["before write: 1", 'after write: 1 {"accepted":1,"rejected":[]}']);
      kit.kit.stages.before("shed", () => new Response("closed for today", { status: 503 }));
      expect((await kit.kit.fetch(new Request("http://kit.test/api/ingest", { method: "POST" }))).status).toBe(503);
      expect(() => kit.kit.stages.before("nothing", () => undefined)).toThrow(/nothing/);
      expect(() => kit.kit.stages.before("write", () => undefined, "mine")).toThrow(/mine/);
    } finally {
      await kit.close();
    }
  });

  test("answers direct calls with the checks of its routes", async () => {
    const kit = await testKit({ modules: [logs()] });
    try {
      await kit.ingest([log, log, log]);
      const { projectId, organizationId } = kit.credentials;
      const reader: Subject = { id: "me", kind: "user", projectId, organizationId, scopes: ["read"] };
      const api: KitApi<[ReturnType<typeof logs>]> = kit.kit.api as never;
      const list = api.logs.searchLogs;
      expect((await list(reader, { query: { limit: 2 } })).events).toHaveLength(2);
      await expect(list(reader, { query: { limit: 0 } })).rejects.toMatchObject({ code: "invalid_request" });
      await expect(list({ ...reader, scopes: [] })).rejects.toMatchObject({ code: "insufficient_scope" });
      await expect(list({ ...reader, projectId: null })).rejects.toMatchObject({ code: "invalid_request" });
      await expect(list({ ...reader, projectId: null, organizationId: "other" }, { projectId })).rejects.toMatchObject({
        code: "not_found",
      });
      expect((await list({ ...reader, projectId: null }, { projectId })).events).toHaveLength(3);
    } finally {
      await kit.close();
    }
  });

  test("asks the app who sends a request without a key", async () => {
    let subject: Subject | null = null;
    const kit = await testKit({
      modules: [logs()],
      authenticate: async (request) => (request.headers.get("cookie") === "session=1" ? subject : null),
    });
    try {
      const { projectId, organizationId } = kit.credentials;
      subject = { id: "user_1", kind: "user", projectId: null, organizationId, scopes: ["read"] };
      const get = (headers: Record<string, string>) => kit.kit.fetch(new Request("http://kit.test/api/modules/logs/events", { headers }));
      expect((await get({})).status).toBe(401);
      expect((await get({ cookie: "session=1" })).status).toBe(400);
      expect((await get({ cookie: "session=1", "x-project-id": projectId })).status).toBe(200);
      expect((await get({ cookie: "session=1", "x-project-id": "proj_unknown" })).status).toBe(404);
    } finally {
      await kit.close();
    }
  });

  test("echoes a harmless request id, makes one otherwise, and hands trace context to spans", async () => {
    const spans: { name: string; traceId: string; parentId: string | null }[] = [];
    const kit = await testKit({
      modules: [logs()],
      tracer: {
        start(name, { traceId, parentId }) {
          spans.push({ name, traceId, parentId });
          return { end: () => undefined };
        },
      },
    });
    try {
      const get = (headers: Record<string, string>) => kit.kit.fetch(new Request("http://kit.test/api/health", { headers }));
      expect((await get({ "x-request-id": "req-1" })).headers.get("x-request-id")).toBe("req-1");
      expect((await get({ "x-request-id": "a b<script>" })).headers.get("x-request-id")).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
      const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
      const body = JSON.stringify({ events: [log] });
      const post = (traceparent: string) =>
        kit.kit.fetch(
          new Request("http://kit.test/api/ingest", {
            method: "POST",
            body,
            headers: { traceparent, authorization: `Bearer ${kit.credentials.apiKey}` },
          }),
        );
      await post(`00-${traceId}-00f067aa0ba902b7-01`);
      expect(spans[0]).toEqual({ name: "cuitty.shed", traceId, parentId: "00f067aa0ba902b7" });
      spans.length = 0;
      for (const invalid of [`ff-${traceId}-00f067aa0ba902b7-01`, `00-${"0".repeat(32)}-00f067aa0ba902b7-01`, "nonsense"])
        await post(invalid);
      for (const span of spans) expect(span.traceId).not.toBe(traceId);
      spans.length = 0;
      await kit.get("/api/modules/logs/events");
      expect(spans.map(({ name }) => name)).toEqual(["cuitty.searchLogs"]);
    } finally {
      await kit.close();
    }
  });

  test("tells its health in one word, and names files and bus to those with a key", async () => {
    const kit = await testKit({ modules: [logs()] });
    try {
      const reply = await kit.kit.fetch(new Request("http://kit.test/api/health"));
      expect(await reply.text()).toBe('{"status":"ok"}');
      expect((await kit.get("/api/health")).body).toEqual({
        status: "ok",
        files: [
          { name: "system", isHealthy: true },
          { name: "logs", isHealthy: true },
        ],
        bus: "process",
      });
      expect((await kit.kit.fetch(new Request("http://kit.test/api/health", { method: "POST" }))).status).toBe(405);
      expect((await kit.kit.fetch(new Request("http://kit.test/api/health", { method: "HEAD" }))).status).toBe(200);
      expect((await kit.kit.fetch(new Request("http://kit.test/api/nothing"))).status).toBe(404);
      await kit.kit.modules.all[0]?.file.close();
      expect((await kit.kit.fetch(new Request("http://kit.test/api/health"))).status).toBe(503);
    } finally {
      await kit.close();
    }
  });

  test("lives under a prefix of the app", async () => {
    const kit = await testKit({ modules: [logs()], basePath: "/telemetry" });
    try {
      expect((await kit.kit.fetch(new Request("http://kit.test/telemetry/api/health"))).status).toBe(200);
      expect(kit.kit.owns("/telemetry/api/ingest")).toBe(true);
      expect(kit.kit.owns("/telemetry/api/projects/x/keys/y")).toBe(true);
      expect(kit.kit.owns("/other")).toBe(false);
    } finally {
      await kit.close();
    }
  });
});
