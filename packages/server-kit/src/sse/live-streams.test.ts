import { afterEach, describe, expect, test } from "vitest";
import { createProcessBus, KEYS_TOPIC } from "../bus.ts";
import { fetchExchange } from "../ingest/fetch-exchange.ts";
import { createLiveStreams, isSentResponse } from "./live-streams.ts";
import type { LiveStreamsOptions } from "./options.ts";
import { createEventParser } from "./test-tools/event-parser.ts";
import { createMemorySource } from "./test-tools/memory-source.ts";
import { openFor, openReader, type StreamReader, startStreamServer, subjectOf, until } from "./test-tools/stream-server.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: Partial<LiveStreamsOptions> = {}) {
  const bus = createProcessBus();
  const logs = createMemorySource("logs", bus);
  const audit = createMemorySource("audit", bus);
  const errors: unknown[] = [];
  const server = await startStreamServer({ sources: [logs, audit], bus, onError: (error) => errors.push(error), ...options });
  cleanups.push(() => server.close());
  const read = (given?: Parameters<typeof openReader>[1]): StreamReader => {
    const reader = openReader(server.port, given);
    cleanups.push(() => reader.destroy());
    return reader;
  };
  return { bus, logs, audit, server, read, errors };
}

const isOpen = (reader: StreamReader): boolean => reader.parser.retryMs() !== null;

describe("live streams on a Node response", () => {
  test("the head says what it is, and nothing that HTTP/2 forbids is set by us", async () => {
    const { read } = await start();
    const reader = read();
    await until(() => isOpen(reader));
    expect(reader.head()).toMatch(/^HTTP\/1.1 200 /);
    expect(reader.head()).toMatch(/content-type: text\/event-stream; charset=utf-8\r\n/i);
    expect(reader.head()).toMatch(/cache-control: no-cache, no-transform\r\n/i);
    expect(reader.head()).toMatch(/x-accel-buffering: no/i);
    expect(reader.parser.retryMs()).toBe(2_000);
  });

  test("a stream without a cursor begins now and knows its place before the first event", async () => {
    const { logs, read } = await start();
    logs.append("p1");
    const reader = read({ path: "/?topics=logs" });
    await until(() => isOpen(reader));
    expect([reader.seqs(), reader.parser.lastEventId()]).toEqual([[], "logs:1"]);
    logs.append("p1", { message: "now" });
    await until(() => reader.seqs().length === 1);
    expect(reader.parser.events).toEqual([
      {
        type: "message",
        id: "logs:2",
        data: '{"id":"event-logs-2","seq":2,"type":"logs","ts":"2026-01-02T03:04:05.678Z","data":{"message":"now"}}',
      },
    ]);
  });

  test("another project's events are never seen", async () => {
    const { logs, read } = await start();
    const mine = read({ path: "/?after=0" });
    const theirs = read({ path: "/?after=0", projectId: "p2" });
    await until(() => isOpen(mine) && isOpen(theirs));
    for (let index = 0; index < 50; index++) logs.append(index % 2 === 0 ? "p1" : "p2");
    await until(() => mine.seqs().length === 25 && theirs.seqs().length === 25);
    expect(mine.seqs().every((seq) => seq % 2 === 1)).toBe(true);
    expect(theirs.seqs().every((seq) => seq % 2 === 0)).toBe(true);
  });

  test("reconnecting at every event gives each one exactly once, while events are being written", async () => {
    const { logs, audit, read } = await start();
    const total = 400;
    let written = 0;
    const writer = setInterval(() => {
      for (let index = 0; index < 5 && written < total; index++) (written++ % 3 === 0 ? audit : logs).append("p1", { written });
    }, 1);
    cleanups.push(() => clearInterval(writer));
    const seen: string[] = [];
    let lastEventId = "0";
    while (seen.length < total) {
      const reader = read({ lastEventId });
      const stopAfter = 1 + (seen.length % 7);
      await until(() => reader.parser.events.length >= Math.min(stopAfter, total - seen.length));
      const events = reader.parser.events.slice(0, stopAfter);
      reader.destroy();
      seen.push(...events.map(({ data }) => (JSON.parse(data) as { id: string }).id));
      lastEventId = events.at(-1)?.id ?? lastEventId;
    }
    expect(new Set(seen).size).toBe(total);
    expect(seen.filter((id) => id.startsWith("event-logs")).map((id) => Number(id.slice(11)))).toEqual(
      Array.from({ length: Math.floor((total * 2) / 3) }, (_, index) => index + 1),
    );
  });

  test("Last-Event-ID wins over after, which an EventSource keeps in its URL", async () => {
    const { logs, read } = await start();
    for (let index = 0; index < 10; index++) logs.append("p1");
    const reader = read({ path: "/?topics=logs&after=logs:2", lastEventId: "logs:8" });
    await until(() => reader.seqs().length === 2);
    expect(reader.seqs()).toEqual([9, 10]);
  });

  test("a cursor older than retention gets a reset and then all that is left", async () => {
    const { logs, read } = await start();
    for (let index = 0; index < 10; index++) logs.append("p1");
    logs.prune(6);
    const reader = read({ path: "/?topics=logs", lastEventId: "logs:3" });
    await until(() => reader.seqs().length === 4);
    expect(reader.parser.events[0]).toEqual({ type: "reset", id: "logs:3", data: '{"topic":"logs","reason":"expired","oldest":7}' });
    expect(reader.seqs()).toEqual([7, 8, 9, 10]);
    const atTheEdge = read({ path: "/?topics=logs", lastEventId: "logs:6" });
    await until(() => atTheEdge.seqs().length === 4);
    expect(atTheEdge.parser.events.every(({ type }) => type === "message")).toBe(true);
  });

  test("a cursor that names events this file never had gets a reset and goes on with what comes", async () => {
    const { logs, read } = await start();
    logs.append("p1");
    const reader = read({ path: "/?topics=logs", lastEventId: "logs:900" });
    await until(() => reader.parser.events.length === 1);
    expect(reader.parser.events[0]).toEqual({ type: "reset", id: "logs:1", data: '{"topic":"logs","reason":"ahead","oldest":1}' });
    logs.append("p1");
    await until(() => reader.seqs().length === 1);
    expect(reader.seqs()).toEqual([2]);
  });

  test.each([
    ["/?topics=logs&after=nonsense", "invalid_cursor"],
    ["/?topics=logs&after=audit:1", "invalid_cursor"],
    ["/?topics=secrets", "invalid_request"],
    ["/?topics=lo..gs", "invalid_request"],
    [`/?topics=${"a,".repeat(100)}`, "invalid_request"],
  ])("%s is refused with %s", async (path, code) => {
    const { server } = await start();
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
    expect((await response.json()).code).toBe(code);
    expect(server.streams.stats()).toEqual({ streams: 0, stalled: 0 });
  });

  test("a lost hint costs only time", async () => {
    const { logs, bus, read } = await start({ pollMs: 500 });
    const reader = read({ path: "/?topics=logs" });
    await until(() => isOpen(reader));
    const publish = bus.publish;
    (bus as { publish: typeof publish }).publish = () => {};
    logs.append("p1");
    await until(() => reader.seqs().length === 1);
  });

  test("a stream ends after its longest duration and says when to come back", async () => {
    const { read } = await start({ maxDurationMs: 600, retryMs: 1_234 });
    const reader = read();
    await until(() => reader.isClosed());
    expect(reader.parser.retryMs()).toBe(1_234);
  });

  test("limits per process and per project are 503 with a time to wait", async () => {
    const { read, server } = await start({ maxStreams: 3, maxStreamsPerProject: 2 });
    const readers = [read(), read(), read({ projectId: "p2" })];
    await until(() => readers.every(isOpen));
    const codeFor = async (projectId: string): Promise<string> =>
      (await (await fetch(`http://127.0.0.1:${server.port}/`, { headers: { "x-test-project": projectId } })).json()).code;
    expect([await codeFor("p1"), await codeFor("p2")]).toEqual(["overloaded", "overloaded"]);
    readers[0]?.destroy();
    await until(() => server.streams.stats().streams === 2);
    const again = read();
    await until(() => isOpen(again));
  });

  test("a key that was revoked loses its streams at once, other keys keep theirs", async () => {
    const revoked = new Set<string>();
    const { bus, read } = await start({ isAllowed: ({ id }) => !revoked.has(id) });
    const [mine, theirs] = [read(), read({ projectId: "p2" })];
    await until(() => isOpen(mine) && isOpen(theirs));
    revoked.add("key-p1");
    bus.publish(KEYS_TOPIC, { seq: 0 });
    await until(() => mine.isClosed(), 1_000);
    expect(theirs.isClosed()).toBe(false);
  });

  test("a key revoked elsewhere, without a hint, loses its streams within 5 s", async () => {
    const revoked = new Set<string>();
    const { read } = await start({ isAllowed: ({ id }) => !revoked.has(id) });
    const reader = read();
    await until(() => isOpen(reader));
    revoked.add("key-p1");
    await until(() => reader.isClosed(), 5_000);
  });

  test("a page that cannot be read is reported, and the stream goes on at the next hint", async () => {
    const { logs, read, errors } = await start();
    const reader = read({ path: "/?topics=logs" });
    await until(() => isOpen(reader));
    const { page } = logs.source;
    (logs.source as { page: typeof page }).page = async () => {
      throw new Error("disk trouble");
    };
    logs.append("p1");
    await until(() => errors.length === 1);
    (logs.source as { page: typeof page }).page = page;
    logs.append("p1");
    await until(() => reader.seqs().length === 2);
    expect(reader.seqs()).toEqual([1, 2]);
  });

  test("closing ends every stream and refuses new ones", async () => {
    const { read, server } = await start();
    const readers = [read(), read()];
    await until(() => readers.every(isOpen));
    server.streams.close();
    server.streams.close();
    await until(() => readers.every((reader) => reader.isClosed()));
    const response = await fetch(`http://127.0.0.1:${server.port}/`);
    expect((await response.json()).code).toBe("shutting_down");
  });
});

describe("live streams as a web stream", () => {
  test("events arrive, cancelling and aborting both clean up", async () => {
    const bus = createProcessBus();
    const logs = createMemorySource("logs", bus);
    const streams = createLiveStreams({ sources: [logs], bus });
    cleanups.push(() => streams.close());
    const abort = new AbortController();
    const open = (signal?: AbortSignal) => openFor(streams, fetchExchange(new Request("http://localhost/?after=0", { signal })));
    const [first, second] = [await open(), await open(abort.signal)];
    expect([isSentResponse(first), first.headers.get("content-type")]).toEqual([false, "text/event-stream; charset=utf-8"]);
    const parser = createEventParser();
    const reader = (first.body as ReadableStream<Uint8Array>).getReader();
    for (let index = 0; index < 100; index++) logs.append("p1", { text: "x".repeat(10_000) });
    while (parser.events.length < 100) parser.push((await reader.read()).value ?? new Uint8Array());
    expect(parser.events.map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, index) => `logs:${index + 1}`));
    expect(streams.stats()).toEqual({ streams: 2, stalled: 1 });
    await reader.cancel();
    abort.abort();
    expect(streams.stats().streams).toBe(0);
    await second.body?.cancel();
  });

  test("of a user, his rights and his session are each asked for; a check that hangs holds up no other", async () => {
    const bus = createProcessBus();
    const over = new Set<string>();
    const streams = createLiveStreams({
      sources: [createMemorySource("logs", bus)],
      bus,
      sessionRecheckMs: 500,
      isAllowed: ({ id }, { projectId, topics }) =>
        id === "hanging" ? new Promise(() => {}) : !over.has(`${id} may read ${topics} of ${projectId}`),
    });
    cleanups.push(() => streams.close());
    for (const id of ["hanging", "alice", "bob"]) {
      const subject = { ...subjectOf("p1", id), kind: "user" as const };
      const request = { subject, projectId: "p1", topics: ["logs"], cursor: null, recheck: async () => !over.has(`session of ${id}`) };
      await streams.open(fetchExchange(new Request("http://localhost/")), request);
    }
    bus.publish(KEYS_TOPIC, { seq: 0 });
    over.add("alice may read logs of p1");
    bus.publish(KEYS_TOPIC, { seq: 0 });
    await until(() => streams.stats().streams === 2, 1_000);
    over.add("session of bob");
    await until(() => streams.stats().streams === 1, 2_000);
  });
});
