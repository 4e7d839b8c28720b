// Every way a process can end, with the server there and with the server away until the next start: each event is stored exactly once.
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFaultServer, type FaultServer } from "@cuitty/sdk/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { count, lastLine, run, start } from "./run.ts";

let spool: string;
let server: FaultServer | undefined;

beforeEach(async () => {
  spool = await mkdtemp(join(tmpdir(), "cuitty-spool-"));
});

afterEach(async () => {
  await server?.close();
  server = undefined;
  await rm(spool, { recursive: true, force: true });
});

/** Numbers of the stored events, sorted. */
const stored = (): unknown[] => (server?.stored ?? []).map((event) => event.data.n).sort((a, b) => Number(a) - Number(b));
const all = Array.from({ length: count }, (_, n) => n);

const ends = [
  { end: "flush", code: 0 },
  { end: "natural", code: 0 },
  { end: "exit", code: 0 },
  { end: "throw", code: 1 },
  { end: "reject", code: 1 },
  { end: "SIGTERM", signal: "SIGTERM" },
  { end: "wait", signal: "SIGKILL", durability: "wal" },
];

describe.each(ends)("a process that ends by $end", ({ end, durability, code = null, signal = null }) => {
  test("with the server up: every event is stored once", async () => {
    server = await createFaultServer();
    const orders = { url: server.url, spool, durability };
    expect(await run({ ...orders, end })).toMatchObject({ code, signal });
    await run({ ...orders, end: "flush", count: 0 });
    expect(stored()).toEqual(all);
    expect(server.violations).toEqual([]);
    expect(await readdir(spool)).toEqual([]);
  });

  test("with the server down until the next start: every event is stored once", async () => {
    const away = await createFaultServer();
    await away.close();
    const orders = { url: away.url, spool, durability };
    expect(await run({ ...orders, end })).toMatchObject({ code, signal });
    server = await createFaultServer({ port: Number(new URL(away.url).port) });
    await run({ ...orders, end: "flush", count: 0 });
    expect(stored()).toEqual(all);
    expect(server.violations).toEqual([]);
    expect(await readdir(spool)).toEqual([]);
  });
});

test("a natural end sends its events without a spool, and is not held up", async () => {
  server = await createFaultServer();
  const end = await run({ url: server.url, end: "natural" });
  expect(end).toMatchObject({ code: 0, stderr: "" });
  expect(stored()).toEqual(all);
  expect(lastLine(end).ms).toBeLessThan(1_000);
});

test.each([
  { end: "natural", isSpooled: false },
  { end: "SIGTERM", isSpooled: false },
  { end: "exit", isSpooled: true },
  { end: "throw", isSpooled: true },
])("what plugins have gathered is not lost when a process ends by $end", async ({ end, isSpooled }) => {
  server = await createFaultServer();
  const orders = { url: server.url, count: 0, spool: isSpooled ? spool : undefined };
  await run({ ...orders, end, gathers: true });
  if (isSpooled) await run({ ...orders, end: "flush" });
  const found = server.stored.map(({ type, data }) => data.amount ?? `${type} ${data.message} ${data.repeats ?? ""}`);
  expect(found.sort()).toEqual([12.5, "error again ", "error again 4", ...(end === "throw" ? ["error thrown on purpose "] : [])]);
});

test.each(["natural", "SIGTERM"])("an asynchronous spool has every event when a process ends by %s and the server fails", async (end) => {
  server = await createFaultServer({ fault: () => ({ status: 503 }) });
  await run({ url: server.url, spool, spoolMs: 100, end });
  const files = await readdir(spool);
  const lines = await Promise.all(files.map(async (file) => (await readFile(join(spool, file), "utf8")).split("\n")));
  expect(lines.flat()).toHaveLength(count);
});

test.each(["SIGTERM", "SIGHUP"])("a %s before the engine is loaded sends every event first, without a spool", async (signal) => {
  server = await createFaultServer();
  expect(await run({ url: server.url, end: `${signal} at once` })).toMatchObject({ code: null, signal });
  expect(stored()).toEqual(all);
});

test.each(["signal-exit 3", "signal-exit 4"])("a SIGTERM in a process that uses %s sends every event and ends it", async (end) => {
  server = await createFaultServer();
  const started = start({ url: server.url, end });
  const stuck = setTimeout(() => started.process.kill("SIGKILL"), 10_000);
  expect(await started.ended).toMatchObject({ code: null, signal: "SIGTERM" });
  clearTimeout(stuck);
  expect(stored()).toEqual(all);
});

test("a signal before the engine is loaded ends a process whose server hangs in its time", async () => {
  server = await createFaultServer({ fault: () => "hang" });
  const startedAtMs = performance.now();
  expect(await run({ url: server.url, end: "SIGTERM at once", spool })).toMatchObject({ signal: "SIGTERM" });
  // 1.5 s, and what it takes to start a process on a busy machine.
  expect(performance.now() - startedAtMs).toBeLessThan(6_000);
  expect(await readdir(spool)).toHaveLength(1);
});

test("a second signal ends the process at once, and the spool has all that is not sent", async () => {
  let isHanging = true;
  server = await createFaultServer({ fault: () => (isHanging ? "hang" : undefined) });
  const startedAtMs = performance.now();
  expect(await run({ url: server.url, spool, end: "SIGINT twice" })).toMatchObject({ code: null, signal: "SIGINT" });
  expect(performance.now() - startedAtMs).toBeLessThan(6_000);
  isHanging = false;
  await run({ url: server.url, spool, end: "flush", count: 0 });
  expect(stored()).toEqual([...all, count]);
  expect(server.violations).toEqual([]);
  expect(await readdir(spool)).toEqual([]);
});

test("a server that hangs holds a natural end for two seconds at most", async () => {
  server = await createFaultServer({ fault: () => "hang" });
  const end = await run({ url: server.url, end: "natural", spool });
  expect(lastLine(end).ms).toBeLessThan(3_000);
  expect(await readdir(spool)).toHaveLength(1);
});

test("nor does a request that is on its way hold it longer", async () => {
  server = await createFaultServer({ fault: () => "hang" });
  const end = await run({ url: server.url, end: "later", spool });
  expect(server.requests.length).toBeGreaterThan(0);
  expect(lastLine(end).ms).toBeLessThan(3_500);
  expect(await readdir(spool)).toHaveLength(1);
});

test.each(["127.0.0.1", "localhost"])("nor does a connection that is never made, to %s", async (host) => {
  const silent = createServer(() => {}).listen(0, host);
  await once(silent, "listening");
  const end = await run({ url: `https://${host}:${(silent.address() as AddressInfo).port}`, end: "later", spool });
  silent.close();
  // Node gives up connecting after 10 s, and the client tries four times.
  expect(lastLine(end).ms).toBeLessThan(9_000);
  expect(await readdir(spool)).toHaveLength(1);
});

test("requests of the host's own hold the process until they are answered, also to the same server", async () => {
  let ingests = 0;
  const slow = createHttpServer((request, response) => {
    if (request.url !== "/api/ingest") return setTimeout(() => response.end(), request.url === "/slow" ? 4_000 : 500);
    ingests++;
    // A connection for each batch: each of them is one that might be mistaken.
    response.writeHead(200, { "content-type": "application/json", connection: "close" }).end('{"accepted":100,"rejected":[]}');
  }).listen(0);
  await once(slow, "listening");
  const end = await run({ url: `http://127.0.0.1:${(slow.address() as AddressInfo).port}`, end: "neighbours", count: 9_000 });
  slow.closeAllConnections();
  slow.close();
  expect(ingests).toBeGreaterThan(5);
  const [, answered, asked] = /answered (\d+) of (\d+)/.exec(end.stdout) ?? [];
  expect([answered, Number(asked)]).toEqual([asked, ingests * 8]);
}, 30_000);

test("a server that hangs never holds the process past the deadline of shutdown", async () => {
  server = await createFaultServer({ fault: () => "hang" });
  const end = await run({ url: server.url, end: "shutdown" });
  expect(end.code).toBe(0);
  expect(lastLine(end).ms).toBeLessThan(1_000);
  expect(lastLine(end).stats).toMatchObject({ pending: 0, dropped: count });
});

test("what the client says to an stderr that is broken does not end the process", async () => {
  server = await createFaultServer();
  const { process: started, ended } = start({ url: server.url, end: "unheard" });
  started.stderr?.destroy();
  expect(await ended).toMatchObject({ code: 0, signal: null });
  expect(stored()).toEqual(all);
});

test("a host that listens to a signal once, and before the client, ends in its own time", async () => {
  server = await createFaultServer();
  expect(await run({ url: server.url, end: "once" })).toMatchObject({ code: 7, signal: null });
  expect(stored()).toEqual(all);
});

test.each([
  { when: "before the engine is loaded", timeout: undefined },
  { when: "with a request on its way", timeout: 5_000 },
])("what a host's own exit listener emits is kept, $when", async ({ timeout }) => {
  let isHanging = true;
  server = await createFaultServer({ fault: () => (isHanging ? "hang" : undefined) });
  await run({ url: server.url, spool, end: "listener", timeout });
  isHanging = false;
  await run({ url: server.url, spool, end: "flush", count: 0 });
  expect(stored()).toEqual([...all, count]);
  expect(server.violations).toEqual([]);
  expect(await readdir(spool)).toEqual([]);
});
