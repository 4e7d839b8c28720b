import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, test } from "vitest";
import { createProcessBus } from "../bus.ts";
import type { LiveStreamsOptions } from "./options.ts";
import { createMemorySource } from "./test-tools/memory-source.ts";
import { openReader, type StreamReader, startStreamServer, until } from "./test-tools/stream-server.ts";

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

/** What is held, without garbage, of which an engine may let any amount lie. Units: bytes. */
async function heldBytes(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // Buffers go with the turn after that in which they were found to be garbage.
  for (let turn = 0; turn < 3; turn++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const isOpen = (reader: StreamReader): boolean => reader.parser.retryMs() !== null;

describe("many clients, slow ones among them", () => {
  test("caught-up clients share one page per hint", async () => {
    const { logs, read, server } = await start();
    const readers = Array.from({ length: 50 }, () => read({ path: "/?topics=logs" }));
    await until(() => server.streams.stats().streams === 50 && readers.every(isOpen));
    const before = logs.pages();
    for (let index = 1; index <= 20; index++) {
      logs.append("p1");
      await until(() => readers.every((reader) => reader.seqs().length === index));
    }
    expect(logs.pages() - before).toBeLessThanOrEqual(40);
  });

  test("a client that reads nothing holds little, delays nobody, and gets everything once it reads", async () => {
    const { logs, read, server } = await start();
    const slow = read({ path: "/?topics=logs&after=0", isPaused: true });
    const fast = read({ path: "/?topics=logs&after=0" });
    await until(() => server.streams.stats().streams === 2);
    const before = await heldBytes();
    const text = "x".repeat(50_000);
    for (let index = 1; index <= 600; index++) {
      logs.append("p1", { text, index });
      if (index % 20 === 0) await until(() => fast.seqs().length === index);
    }
    expect(server.streams.stats().stalled).toBe(1);
    // The rows themselves are in this process, and once more in the fast client; a buffer for the slow one would be another 30 MB.
    expect((await heldBytes()) - before).toBeLessThan(600 * 50_000 * 2.5);
    slow.resume();
    await until(() => slow.seqs().length === 600);
    expect(slow.seqs()).toEqual(Array.from({ length: 600 }, (_, index) => index + 1));
  });

  test("a client that reads nothing for the stall time is closed", async () => {
    const { logs, read, server } = await start({ stallTimeoutMs: 300 });
    const slow = read({ path: "/?topics=logs&after=0", isPaused: true });
    await until(() => server.streams.stats().streams === 1);
    const text = "x".repeat(200_000);
    for (let index = 0; index < 100; index++) logs.append("p1", { text });
    await until(() => server.streams.stats().stalled === 1);
    await until(() => server.streams.stats().streams === 0, 12_000);
    expect(slow.isClosed()).toBe(false);
  });

  test("an idle stream gets comments", async () => {
    const { read } = await start({ heartbeatMs: 500 });
    const reader = read();
    await until(() => reader.parser.comments.length >= 2);
    expect(reader.parser.events).toEqual([]);
  });

  test("clients that vanish in any way leave nothing behind", async () => {
    const { logs, read, server } = await start();
    for (let round = 0; round < 5; round++) {
      const readers = Array.from({ length: 20 }, (_, index) => read({ path: "/?after=0", isPaused: index % 2 === 0 }));
      if (round % 2 === 0) await until(() => server.streams.stats().streams > 0);
      logs.append("p1", { text: "x".repeat(100_000) });
      for (const reader of readers) reader.destroy();
    }
    await until(() => server.streams.stats().streams === 0);
  });
});
