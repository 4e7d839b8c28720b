// Triggers, retries, the breaker, flush and shutdown, on fake timers: every wait is the documented one.
import { type CuittyClient, type CuittyOptions, createCuittyClient } from "@cuitty/sdk";
import { createRecorder, type RecordedRequest } from "@cuitty/sdk/testing";
import { Hono } from "hono";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";

const identity = { portalUrl: "http://recorder.invalid", projectId: "p", apiKey: "cuitty_sk_test" };
const clients: CuittyClient[] = [];

// Loaded before, so that no test waits for the compiler.
beforeAll(() => import("./node/engine.ts"));
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
});
afterEach(async () => {
  for (const client of clients.splice(0)) await settled(client.shutdown(0));
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Lets `ms` of fake time pass; gzip and imports take real turns of the event loop. */
async function pass(ms: number): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
  await vi.advanceTimersByTimeAsync(ms);
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Waits, without fake time passing, for what real turns of the event loop bring. */
async function until(isTrue: () => boolean): Promise<void> {
  for (let turn = 0; turn < 100_000 && !isTrue(); turn++) await new Promise((resolve) => setImmediate(resolve));
}

const realTimeout = globalThis.setTimeout;

/** Lets fake time pass until the promise is settled, 25 times as fast as real time at most: compression runs on threads of its own. */
async function settled<Value>(promise: Promise<Value>): Promise<Value> {
  let isDone = false;
  const done = promise.finally(() => {
    isDone = true;
  });
  while (!isDone) {
    await pass(50);
    await new Promise((resolve) => realTimeout(resolve, 2));
  }
  return done;
}

type Answer = Response | "hang" | undefined;

/** A started client whose requests are answered in turn; after the last answer everything is accepted. */
async function start(answers: readonly ((request: RecordedRequest) => Answer)[] = [], options: Partial<CuittyOptions> = {}) {
  const recorder = createRecorder();
  const times: number[] = [];
  let next = 0;
  const fetch: typeof globalThis.fetch = async (url, init) => {
    times.push(Math.round(performance.now()));
    const accepted = await recorder.fetch(url, init);
    const answer = answers[next++]?.(recorder.requests.at(-1) as RecordedRequest);
    return answer === "hang" ? new Promise(() => {}) : (answer ?? accepted);
  };
  const client = createCuittyClient({ ...identity, fetch, ...options }).start();
  clients.push(client);
  await pass(1);
  return { client, recorder, times };
}

const status =
  (code: number, headers: Record<string, string> = {}, body?: object) =>
  () =>
    new Response(body ? JSON.stringify(body) : null, { status: code, headers });
const fails = (): never => {
  throw new TypeError("fetch failed");
};
const emit = (client: CuittyClient, count: number, type = "audit") => {
  for (let n = 0; n < count; n++) client.emit({ type, data: { n } });
};
const gaps = (times: readonly number[]): number[] => times.slice(1).map((time, index) => time - (times[index] as number));

describe("a request leaves", () => {
  test("250 ms after the last event", async () => {
    const { client, recorder } = await start();
    emit(client, 1);
    await pass(200);
    emit(client, 1);
    await pass(249);
    expect(recorder.requests).toHaveLength(0);
    await pass(2);
    await until(() => recorder.requests.length > 0);
    expect(recorder.requests.map((request) => request.events.length)).toEqual([2]);
  });

  test("5 s after the first one, however busy it is", async () => {
    const { client, recorder } = await start();
    for (let n = 0; n < 26; n++) {
      emit(client, 1);
      await pass(200);
    }
    await until(() => recorder.requests.length > 0);
    expect(recorder.requests).toHaveLength(1);
    expect(recorder.requests[0]?.events.length).toBeGreaterThan(20);
  });

  test("with maxBufferSize events at once, and with 1 MiB at once", async () => {
    const { client, recorder } = await start([], { maxBufferSize: 10 });
    emit(client, 10);
    await pass(1);
    await until(() => recorder.requests.length > 0);
    expect(recorder.requests.map((request) => request.events.length)).toEqual([10]);
    for (let n = 0; n < 5; n++) client.emit({ type: "audit", data: { text: "x".repeat(220_000) } });
    await pass(1);
    await until(() => recorder.requests.length > 1);
    expect(recorder.requests.length).toBeGreaterThan(1);
  });

  test("with at most 1,000 events", async () => {
    const { client, recorder } = await start();
    emit(client, 2_300);
    await settled(client.flush());
    expect(recorder.requests.map((request) => request.events.length)).toEqual([1_000, 1_000, 300]);
  });
});

describe("a failure", () => {
  test.each([
    ["a network error", fails],
    ["408", status(408)],
    ["429", status(429)],
    ["500", status(500)],
    ["503", status(503)],
    ["an HTML page that says 200", () => new Response("<p>Sign in", { status: 200 })],
    ["nothing that says 200", status(200)],
    ["a text that says 200", () => Response.json("hello")],
  ])("%s is tried again after 250 ms, 1 s and 4 s, then dropped and counted", async (_name, answer) => {
    const { client, recorder, times } = await start([answer, answer, answer, answer]);
    emit(client, 2);
    await settled(client.flush());
    const [first, second, third] = gaps(times) as [number, number, number];
    for (const [gap, expected] of [
      [first, 250],
      [second, 1_000],
      [third, 4_000],
    ] as const) {
      expect(gap).toBeGreaterThanOrEqual(expected * 0.8 - 1);
      expect(gap).toBeLessThanOrEqual(expected * 1.2 + 1);
    }
    expect(times).toHaveLength(4);
    expect(client.stats()).toMatchObject({ sent: 0, dropped: 2, retries: 3, drops: { retries_exhausted: { audit: 2 } } });
    expect(new Set(recorder.requests.map((request) => request.headers.get("x-cuitty-idempotency-key"))).size).toBe(1);
  });

  test.each([
    ["2", 2_000, 2_001],
    ["0", 200, 301],
    ["99999999999999", 300_000, 300_001],
    ["-5", 200, 301],
    ["soon", 200, 301],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 200, 301],
  ])("with Retry-After: %s waits %i ms", async (value, least, most) => {
    const { client, times } = await start([status(429, { "Retry-After": value })]);
    emit(client, 1);
    void client.flush(1_000_000);
    await pass(310_000);
    expect(gaps(times)[0]).toBeGreaterThanOrEqual(least);
    expect(gaps(times)[0]).toBeLessThanOrEqual(most);
    expect(client.stats().sent).toBe(1);
  });

  test("with Retry-After as a date waits until then", async () => {
    const { client, times } = await start([() => status(503, { "Retry-After": new Date(Date.now() + 10_000).toUTCString() })()]);
    emit(client, 1);
    await settled(client.flush());
    expect(gaps(times)[0]).toBeGreaterThanOrEqual(9_000);
    expect(gaps(times)[0]).toBeLessThanOrEqual(10_001);
  });

  test.each([400, 404, 415, 422])("%i drops the batch at once and the next one goes on", async (code) => {
    const { client, recorder } = await start([status(code, {}, { code: "why" })]);
    const drops: unknown[] = [];
    client.on("drop", (detail) => drops.push(detail));
    emit(client, 1, "log");
    await settled(client.flush());
    emit(client, 1);
    expect(await settled(client.flush())).toEqual({ sent: 1, pending: 0, dropped: 0 });
    expect(drops).toEqual([{ reason: "http_4xx", type: "log", message: `${code} why` }]);
    expect(recorder.requests).toHaveLength(2);
  });

  test.each([401, 403, 302])("%i pauses and loses nothing: the same batch goes out when the key is good again", async (code) => {
    const { client, recorder } = await start([status(code), status(code)]);
    const states: unknown[] = [];
    client.on("breaker", ({ state }) => states.push(state));
    emit(client, 3);
    expect(await settled(client.flush())).toEqual({ sent: 0, pending: 3, dropped: 0 });
    expect(client.stats().breaker).toBe("open");
    emit(client, 1);
    await pass(30_000);
    expect(client.stats()).toMatchObject({ sent: 4, dropped: 0, pending: 0, breaker: "closed" });
    expect(states).toEqual(["open", "open", "closed"]);
    expect(recorder.requests.map((request) => request.events.length)).toEqual([3, 3, 3, 1]);
  });

  test("413 splits the batch, keeps the event ids and remembers the size", async () => {
    const limit = (request: RecordedRequest) => (request.events.length > 64 ? new Response(null, { status: 413 }) : undefined);
    const { client, recorder } = await start(Array.from({ length: 100 }, () => limit));
    emit(client, 300);
    expect(await settled(client.flush())).toEqual({ sent: 300, pending: 0, dropped: 0 });
    const taken = recorder.requests.filter((request) => request.events.length <= 64).flatMap((request) => request.events);
    expect(new Set(taken.map((event) => event.id)).size).toBe(300);
    const keys = recorder.requests.map((request) => request.headers.get("x-cuitty-idempotency-key"));
    expect(new Set(keys).size).toBe(keys.length);
    for (const key of keys) expect(key).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test("413 for a single event is that event's loss alone", async () => {
    const limit = (request: RecordedRequest) =>
      request.events.some((event) => event.data.n === 1) ? new Response(null, { status: 413 }) : undefined;
    const { client } = await start(Array.from({ length: 100 }, () => limit));
    emit(client, 3);
    expect(await settled(client.flush())).toEqual({ sent: 2, pending: 0, dropped: 1 });
    expect(client.stats().drops).toEqual({ too_large: { audit: 1 } });
  });
});

test("each event is refused at most once, and none that was not sent", async () => {
  const rejected = [5, 6, -1, 0.5, "0", "length", null, 1, 1].map((index) => ({ index, reason: "why" }));
  const { client } = await start([status(200, {}, { accepted: 0, rejected })]);
  emit(client, 2);
  expect(await settled(client.flush())).toEqual({ sent: 1, pending: 0, dropped: 1 });
  expect(client.stats()).toMatchObject({ sent: 1, rejected: 1, dropped: 0, drops: { rejected: { audit: 1 } } });
});

test("a reply whose texts are no texts is a reply all the same", async () => {
  const odd = { toString: 1, toJSON: 1 };
  const { client } = await start([
    status(200, {}, { accepted: 1, rejected: [{ index: 0, reason: odd }], code: odd, detail: odd }),
    status(400, {}, { code: odd, detail: [odd] }),
  ]);
  const drops: unknown[] = [];
  client.on("drop", ({ reason, message }) => drops.push([reason, message]));
  emit(client, 2);
  expect(await settled(client.flush())).toEqual({ sent: 1, pending: 0, dropped: 1 });
  emit(client, 1);
  expect(await settled(client.flush())).toEqual({ sent: 0, pending: 0, dropped: 1 });
  const text = JSON.stringify(odd);
  expect(drops).toEqual([
    ["rejected", text],
    ["http_4xx", `400 ${text} [${text}]`],
  ]);
  expect(client.stats().requests).toBe(2);
});

describe("the breaker", () => {
  test("opens after the last retry, waits 8 s and twice as long each time, and probes once", async () => {
    const { client, times } = await start(Array.from({ length: 7 }, () => fails));
    const waits: number[] = [];
    client.on("breaker", ({ delayMs }) => waits.push(delayMs));
    emit(client, 1);
    await settled(client.flush());
    emit(client, 1);
    await pass(120_000);
    expect(waits.slice(0, 4)).toEqual([8_000, 16_000, 32_000, 64_000]);
    expect(times.length).toBeGreaterThanOrEqual(7);
    expect(
      gaps(times)
        .slice(3)
        .every((gap) => gap >= 7_900),
    ).toBe(true);
  });
});

describe("flush and shutdown", () => {
  test("two flushes at once both wait for the request under way", async () => {
    let release: (() => void) | undefined;
    const recorder = createRecorder();
    const fetch: typeof globalThis.fetch = async (url, init) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return recorder.fetch(url, init);
    };
    const client = createCuittyClient({ ...identity, fetch }).start();
    clients.push(client);
    emit(client, 5);
    const done: string[] = [];
    const both = [client.flush().then(() => done.push("first")), client.flush().then(() => done.push("second"))];
    await pass(1_000);
    expect(done).toEqual([]);
    emit(client, 1);
    release?.();
    await pass(10);
    release?.();
    await settled(Promise.all(both));
    expect(recorder.events).toHaveLength(6);
  });

  test("shutdown keeps its deadline when the server hangs, and counts what is lost", async () => {
    const { client } = await start([() => "hang"]);
    emit(client, 7);
    const startedAtMs = performance.now();
    expect(await settled(client.shutdown(1_000))).toEqual({ sent: 0, pending: 0, dropped: 7 });
    expect(performance.now() - startedAtMs).toBeLessThan(1_200);
    expect(client.stats().drops).toEqual({ closed: { audit: 7 } });
    client.emit({ type: "audit", data: {} });
    expect(client.stats()).toMatchObject({ emitted: 8, drops: { closed: { audit: 8 } } });
    expect(await settled(client.flush())).toMatchObject({ sent: 0, pending: 0 });
  });

  test("a second shutdown waits for the first", async () => {
    const { client } = await start();
    emit(client, 1);
    const [first, second] = await settled(Promise.all([client.shutdown(), client.close()]));
    expect(second).toEqual(first);
  });

  test("a fetch that throws at once, returns nothing or never settles is only a failed try", async () => {
    for (const fetch of [fails, () => undefined, () => new Promise(() => {})] as never[]) {
      const client = createCuittyClient({ ...identity, fetch, maxRetries: 0, timeout: 500 });
      emit(client, 1);
      expect(await settled(client.flush())).toEqual({ sent: 0, pending: 0, dropped: 1 });
      await settled(client.shutdown(0));
    }
  });
});

describe("overflow", () => {
  test("gives up the oldest bulk events first and durable ones last, by reason and type", async () => {
    const { client } = await start([], { fetch: fails as never, maxBufferSize: 1e9 });
    emit(client, 6_000, "audit");
    emit(client, 6_000, "log");
    expect(client.stats()).toMatchObject({ pending: 10_000, drops: { queue_overflow: { log: 2_000 } } });
    emit(client, 5_000, "error");
    expect(client.stats()).toMatchObject({ pending: 10_000, drops: { queue_overflow: { log: 6_000, audit: 1_000 } } });
    emit(client, 10, "trace");
    expect(client.stats().drops).toEqual({ queue_overflow: { log: 6_000, audit: 1_000, trace: 10 } });
  });

  test("holds at most 8 MiB of UTF-8", async () => {
    const { client } = await start([], { fetch: fails as never, maxBufferSize: 1e9 });
    for (let n = 0; n < 200; n++) client.emit({ type: "log", data: { text: "ä".repeat(50_000) } });
    expect(client.stats().bytes).toBeLessThanOrEqual(8 * 2 ** 20);
    expect(client.stats().bytes).toBeGreaterThan(7.9 * 2 ** 20);
  });
});

test("a server that asked for a pause has it from waitUntil and from a platform's execution context, too", async () => {
  const { client, recorder } = await start(
    Array.from({ length: 40 }, () => status(401)),
    { waitUntil: () => {} },
  );
  const waits: number[] = [];
  client.on("breaker", ({ delayMs }) => waits.push(delayMs));
  const app = new Hono().use("*", client.honoMiddleware()).get("/", (context) => context.text("fine"));
  const platform = { waitUntil() {}, passThroughOnException() {}, props: {} };
  for (let second = 0; second < 30; second++) {
    emit(client, 1);
    await app.request("/", {}, {}, platform);
    await pass(1_000);
  }
  expect(waits).toEqual([8_000, 16_000, 32_000]);
  expect(recorder.requests).toHaveLength(3);
  expect(client.stats()).toMatchObject({ pending: 30, dropped: 0, breaker: "open" });
});

test("Retry-After holds under waitUntil", async () => {
  const { client, recorder } = await start([status(503, { "Retry-After": "60" })], { waitUntil: () => {}, maxRetries: 0 });
  for (let second = 0; second < 50; second++) {
    emit(client, 1);
    await pass(1_000);
  }
  expect(recorder.requests).toHaveLength(1);
});

test("waitUntil is given one promise for a burst, which ends when the burst is sent", async () => {
  const promises: Promise<unknown>[] = [];
  const { client, recorder } = await start([], { waitUntil: (promise) => promises.push(promise) });
  emit(client, 20);
  expect(promises).toHaveLength(1);
  await settled(promises[0] as Promise<unknown>);
  expect(recorder.events).toHaveLength(20);
  emit(client, 1);
  expect(promises).toHaveLength(2);
});
