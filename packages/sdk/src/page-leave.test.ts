// The last requests of a page: whatever state its events are in, those that fit leave with it.
import { createRecorder, type RecordedEvent } from "@cuitty/sdk/testing";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createCuittyClient } from "./browser/index.ts";
import type { CuittyOptions } from "./options.ts";
import type { SpooledBatch } from "./spool.ts";

const identity = { portalUrl: "http://recorder.invalid", projectId: "p", apiKey: "cuitty_pk_test" };
const closers: (() => unknown)[] = [];
let page: EventTarget;

beforeEach(() => {
  page = new EventTarget();
  vi.stubGlobal("document", { visibilityState: "visible" });
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
  vi.spyOn(console, "warn").mockReturnValue();
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

interface Request {
  readonly key: string;
  readonly isKept: boolean;
  readonly size: number;
  readonly events: readonly RecordedEvent[];
}

/** A started client with its engine loaded, and what it asked of fetch. `answer` gives the status of each request. */
async function open(answer: (request: Request) => number | Promise<number> = () => 200, options: Partial<CuittyOptions> = {}) {
  const requests: Request[] = [];
  const recorder = createRecorder();
  async function fetch(url: string | URL | globalThis.Request, init: RequestInit = {}): Promise<Response> {
    const size = (init.body as Uint8Array).length;
    const request = { key: new Headers(init.headers).get("x-cuitty-idempotency-key") ?? "", isKept: !!init.keepalive, size, events: [] };
    requests.push(request);
    const before = recorder.events.length;
    const reply = await recorder.fetch(url, init);
    Object.assign(request, { events: recorder.events.slice(before) });
    const status = await answer(request);
    return status === 200 ? reply : Response.json({}, { status });
  }
  const client = createCuittyClient({ ...identity, fetch, ...options }).start();
  closers.push(() => client.shutdown(0));
  await client.flush();
  return { client, requests };
}

const emit = (client: { emit(event: { type: string; data: unknown }): unknown }, count: number, size = 100): void => {
  for (let n = 0; n < count; n++) client.emit({ type: "audit", data: { n, text: "x".repeat(size) } });
};
const leave = (): void => void page.dispatchEvent(new Event("pagehide"));
const idsOf = (requests: readonly Request[]): string[] => requests.flatMap(({ events }) => events.map(({ id }) => id));

test("of a batch that is being compressed, the events that fit leave at once and the rest stays, each under one key", async () => {
  let start = (): void => {};
  const isCompressing = new Promise<void>((resolve) => {
    start = resolve;
  });
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { CompressionStream } = globalThis;
  vi.stubGlobal(
    "CompressionStream",
    class {
      readonly readable: ReadableStream;
      readonly writable: WritableStream;
      constructor(format: CompressionFormat) {
        const { readable, writable } = new CompressionStream(format);
        this.writable = writable;
        this.readable = readable.pipeThrough(new TransformStream({ transform: (part, to) => gate.then(() => to.enqueue(part)) }));
        start();
      }
    },
  );
  const { client, requests } = await open();
  emit(client, 600);
  await isCompressing;
  leave();
  expect(requests).toMatchObject([{ isKept: true }]);
  expect(requests[0]?.size).toBeGreaterThan(50_000);
  expect(requests[0]?.size).toBeLessThanOrEqual(60_000);
  release();
  await vi.waitFor(() => expect(client.stats()).toMatchObject({ sent: 600, pending: 0, bytes: 0 }));
  expect(idsOf(requests)).toHaveLength(600);
  expect(new Set(idsOf(requests)).size).toBe(600);
  expect(new Set(requests.map(({ key }) => key)).size).toBe(requests.length);
});

test("a batch that waits for its retry leaves under the same key, is counted once and not sent again", async () => {
  let status = 503;
  const { client, requests } = await open(() => status);
  emit(client, 5);
  const flushed = client.flush();
  await vi.waitFor(() => expect(client.stats().retries).toBe(1));
  status = 200;
  leave();
  const [first, last] = requests as [Request, Request];
  expect(last).toMatchObject({ key: first.key, size: first.size, isKept: true });
  await flushed;
  expect(requests).toHaveLength(2);
  expect(client.stats()).toMatchObject({ emitted: 5, sent: 5, pending: 0, bytes: 0, dropped: 0 });
});

test("what waits after a pause leaves too, and what is too large for it keeps nothing else back", async () => {
  let status = 401;
  const { client, requests } = await open(() => status);
  // Frozen by its first try, so that it cannot be taken apart, and larger than all last requests may be.
  client.emit({ type: "audit", data: { text: Array.from({ length: 60_000 }, () => Math.random().toString(36)[2]).join("") } });
  for (let n = 0; n < 3; n++) client.emit({ type: "audit", data: { text: crypto.getRandomValues(new Uint32Array(8_000)).join() } });
  await client.flush();
  expect(client.stats()).toMatchObject({ breaker: "open", pending: 4 });
  emit(client, 3);
  status = 200;
  const before = requests.length;
  leave();
  expect(requests.slice(before)).toMatchObject([{ isKept: true }]);
  await vi.waitFor(() => expect(client.stats()).toMatchObject({ sent: 3, pending: 4 }));
});

test("what a last request carries is not sent again when the page hides and then goes away", async () => {
  const { client, requests } = await open();
  emit(client, 20);
  leave();
  leave();
  expect(requests).toMatchObject([{ isKept: true }]);
  await vi.waitFor(() => expect(client.stats()).toMatchObject({ sent: 20, pending: 0 }));
  await client.flush();
  expect(requests).toHaveLength(1);
});

test("what a client that signs cannot send any more is left to the spool for the next visit", async () => {
  const stored: number[] = [];
  const spool = { put: ({ events }: SpooledBatch) => void stored.push(events.length), remove() {}, claim: () => undefined };
  const { client, requests } = await open(undefined, { apiKey: "cuitty_sk_test", spool });
  emit(client, 5);
  leave();
  expect([requests.length, stored]).toEqual([0, [5]]);
});

test("in a page, a folder as the spool costs one warning and no event", async () => {
  const { client, requests } = await open(undefined, { spool: { directory: "spool" } });
  emit(client, 2);
  expect(await client.flush()).toEqual({ sent: 2, pending: 0, dropped: 0 });
  expect(requests).toHaveLength(1);
});
