// Hostile events: none reaches the host, none harms a neighbour, and what arrives is the value at emit.
import { createCuittyClient } from "@cuitty/sdk";
import { createRecorder } from "@cuitty/sdk/testing";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const identity = { portalUrl: "http://recorder.invalid", projectId: "p", apiKey: "cuitty_sk_test" };

beforeEach(() => {
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
});
afterEach(() => {
  vi.restoreAllMocks();
});

function deep(levels: number): object {
  let value: object = {};
  for (let level = 0; level < levels; level++) value = { value };
  return value;
}

const circular: Record<string, unknown> = { a: 1 };
circular.self = circular;
const revoked = Proxy.revocable({}, {});
revoked.revoke();

const throws = () => {
  throw new Error("hostile");
};

const poison: Readonly<Record<string, unknown>> = {
  "a throwing getter": Object.defineProperty({}, "x", { enumerable: true, get: throws }),
  "a throwing toJSON": { toJSON: throws },
  "a Proxy that throws": new Proxy({}, { get: throws, ownKeys: throws }),
  "a revoked Proxy": revoked.proxy,
};

test.each(Object.entries(poison))("%s is counted and harms no neighbour", async (_name, data) => {
  const recorder = createRecorder();
  const client = createCuittyClient({ ...identity, fetch: recorder.fetch });
  for (let n = 0; n < 10; n++) expect(() => client.emit({ type: "audit", data: n === 5 ? data : { n } })).not.toThrow();
  await client.flush();
  expect(recorder.events.map((event) => event.data.n)).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9]);
  expect(client.stats()).toMatchObject({ emitted: 10, sent: 9, drops: { unserializable: { audit: 1 } } });
  await client.shutdown();
});

// Node 26 writes so many levels, and a server refuses the event; what engines before it cannot write is dropped.
test("20,000 levels harm no neighbour", async () => {
  const recorder = createRecorder();
  const client = createCuittyClient({ ...identity, fetch: recorder.fetch });
  for (let n = 0; n < 10; n++) expect(() => client.emit({ type: "audit", data: n === 5 ? deep(20_000) : { n } })).not.toThrow();
  await client.flush();
  expect(recorder.events.map((event) => event.data.n).filter((n) => n !== undefined)).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9]);
  const { emitted, sent, dropped, drops } = client.stats();
  expect([emitted, sent + dropped]).toEqual([10, 10]);
  expect(drops).toEqual(sent === 10 ? {} : { unserializable: { audit: 1 } });
  await client.shutdown();
});

test("a BigInt arrives as its digits and a cycle as a marker", async () => {
  const recorder = createRecorder();
  const client = createCuittyClient({ ...identity, fetch: recorder.fetch });
  const shared = { s: 1 };
  client.emit({ type: "audit", data: { big: 12345678901234567890n, circular, twice: [shared, shared] } });
  await client.shutdown();
  expect(recorder.events[0]?.data).toEqual({
    big: "12345678901234567890",
    circular: { a: 1, self: "[circular]" },
    twice: [{ s: 1 }, { s: 1 }],
  });
});

test("a change after emit is not seen", async () => {
  const recorder = createRecorder();
  const client = createCuittyClient({ ...identity, fetch: recorder.fetch });
  const data = { list: [1] };
  client.emit({ type: "audit", data });
  data.list.push(2);
  await client.shutdown();
  expect(recorder.events[0]?.data).toEqual({ list: [1] });
});

test("timestamps are taken as text, as Date, as a number and as now", async () => {
  const recorder = createRecorder();
  const client = createCuittyClient({ ...identity, fetch: recorder.fetch });
  const timestamps = ["2026-04-27T14:34:56+02:00", new Date(0), 1_000, undefined] as never[];
  for (const timestamp of timestamps) client.emit({ type: "audit", timestamp, data: {} });
  client.emit({ type: "audit", timestamp: new Date(Number.NaN), data: {} });
  await client.shutdown();
  const [text, date, number, now] = recorder.events.map((event) => event.ts);
  expect([text, date, number]).toEqual(["2026-04-27T14:34:56+02:00", "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:01.000Z"]);
  expect(Math.abs(Date.now() - Date.parse(now as string))).toBeLessThan(5_000);
  expect(client.stats().drops).toEqual({ unserializable: { audit: 1 } });
});

test("no value at all makes emit throw, and what JSON can carry arrives as JSON carries it", async () => {
  const recorder = createRecorder();
  const client = createCuittyClient({ ...identity, fetch: recorder.fetch, maxBufferSize: 1e6 });
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withNullPrototype: true,
  });
  let emitted = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(anything, { minLength: 20, maxLength: 20 }), async (values) => {
      for (const value of values) client.emit({ type: "audit", data: value });
      for (const value of values) client.emit(value as never);
      emitted += 40;
      await client.flush();
    }),
    { numRuns: 250, seed: 42 },
  );
  const stats = client.stats();
  expect(stats).toMatchObject({ emitted, pending: 0 });
  expect(stats.sent + stats.dropped).toBe(emitted);
  await client.shutdown();
});

test("an event over 256 KiB is counted as too large", async () => {
  const recorder = createRecorder();
  const client = createCuittyClient({ ...identity, fetch: recorder.fetch });
  client.emit({ type: "audit", data: { text: "x".repeat(256 * 1024) } });
  client.emit({ type: "audit", data: { text: "ä".repeat(130 * 1024) } });
  client.emit({ type: "audit", data: { text: "x".repeat(255 * 1024) } });
  expect(await client.shutdown()).toEqual({ sent: 1, pending: 0, dropped: 0 });
  expect(client.stats().drops).toEqual({ too_large: { audit: 2 } });
});
