// Counters and listeners under hosts that do odd things: the numbers stay right, and nothing reaches the host.
import { createCuittyClient } from "@cuitty/sdk";
import { createFaultServer, createRecorder } from "@cuitty/sdk/testing";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const identity = { portalUrl: "http://recorder.invalid", projectId: "p", apiKey: "cuitty_sk_test" };
const unhandled = vi.fn();

beforeEach(() => {
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
  process.on("unhandledRejection", unhandled);
});
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", unhandled);
  expect(unhandled).not.toHaveBeenCalled();
  vi.restoreAllMocks();
});

const tooLarge = "x".repeat(2 ** 18);
const create = (options = {}) => createCuittyClient({ ...identity, fetch: createRecorder().fetch, ...options });

test("an async listener that rejects reaches nobody, and the others are told", () => {
  const client = create();
  const other = vi.fn();
  client.on("drop", (async () => {
    throw new Error("listener");
  }) as never);
  client.on("drop", other);
  client.emit({ type: "audit", data: tooLarge });
  expect(other).toHaveBeenCalledExactlyOnceWith({ reason: "too_large", type: "audit", message: "" });
});

test("what it says is one line, whatever stands in it", () => {
  const client = create({ debug: true });
  client.use({ name: "talker", setup: (context) => context.debug("a\nb\u001b[31mc\u0085d") });
  client.start();
  expect(vi.mocked(process.stderr.write).mock.calls.map(([line]) => line)).toContain("[cuitty] a b [31mc d\n");
});

test("types that are named like members of an object are counted like others", () => {
  const client = create();
  const types = ["constructor", "toString", "__proto__", "constructor"];
  for (const type of types) client.emit({ type, data: tooLarge });
  expect(Object.entries(client.stats().drops.too_large ?? {})).toEqual([
    ["constructor", 2],
    ["toString", 1],
    ["__proto__", 1],
  ]);
});

test("of a type, however long, 64 characters are kept as its name", () => {
  const client = create();
  const lost: string[] = [];
  client.on("drop", ({ type }) => lost.push(type));
  const long = "t".repeat(300_000);
  for (const type of [`${long}a`, `${long}b`, "short"]) client.emit({ type, data: tooLarge });
  expect(client.stats().drops).toEqual({ too_large: { [long.slice(0, 64)]: 2, short: 1 } });
  expect(lost).toEqual([`${long}a`, `${long}b`, "short"]);
});

test("listeners that emit what is lost again come to an end, and every event is counted once", () => {
  const client = create();
  const again = vi.fn(() => void client.emit({ type: "log", data: tooLarge }));
  client.on("drop", again);
  client.on("drop", () => again());
  client.emit({ type: "audit", data: tooLarge });
  const { emitted, dropped } = client.stats();
  expect(again.mock.calls.length).toBeLessThan(1_000);
  expect([emitted, dropped]).toEqual([again.mock.calls.length + 1, again.mock.calls.length + 1]);
});

test("a waitUntil that throws costs no event and is no loss", async () => {
  const recorder = createRecorder();
  const waitUntil = (): never => {
    throw new TypeError("Illegal invocation");
  };
  const client = create({ waitUntil, fetch: recorder.fetch }).start();
  client.emit({ type: "audit", data: {} });
  await client.shutdown();
  expect(recorder.events).toHaveLength(1);
  expect(client.stats()).toMatchObject({ emitted: 1, sent: 1, dropped: 0, drops: {} });
});

test("bytes are whole, and none are left when batches were split", async () => {
  const server = await createFaultServer({ fault: ({ number }) => (number < 6 ? { status: 413 } : undefined) });
  const client = createCuittyClient({ ...identity, portalUrl: server.url }).start();
  for (let n = 0; n < 101; n++) client.emit({ type: "audit", data: { text: "x".repeat(n % 13) } });
  await client.flush();
  expect(server.stored).toHaveLength(101);
  expect(client.stats().bytes).toBe(0);
  await client.shutdown();
  await server.close();
});
