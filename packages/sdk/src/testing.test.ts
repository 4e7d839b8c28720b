// The doubles for users' tests.
import { createCuittyClient } from "@cuitty/sdk";
import { createFaultServer, createRecorder, type Fault } from "@cuitty/sdk/testing";
import { build } from "esbuild";
import { afterEach, expect, test } from "vitest";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const identity = { portalUrl: "http://recorder.invalid", projectId: "p", apiKey: "cuitty_sk_test" };

test("a recorder keeps what a client sends, compressed or not", async () => {
  const recorder = createRecorder();
  const client = createCuittyClient({ ...identity, fetch: recorder.fetch });
  closers.push(client.shutdown);
  for (let n = 0; n < 50; n++) client.emit({ type: "audit", data: { n } });
  expect(await client.flush()).toEqual({ sent: 50, pending: 0, dropped: 0 });
  expect(recorder.events.map((event) => event.data.n)).toEqual(Array.from({ length: 50 }, (_, n) => n));
  expect(recorder.requests[0]?.url).toBe("http://recorder.invalid/api/ingest");
  recorder.clear();
  expect(recorder.events).toEqual([]);
});

test("a recorder can answer something else", async () => {
  const recorder = createRecorder(() => Response.json({ code: "bad" }, { status: 400 }));
  const client = createCuittyClient({ ...identity, fetch: recorder.fetch });
  closers.push(client.shutdown);
  client.emit({ type: "audit", data: {} });
  expect(await client.flush()).toEqual({ sent: 0, pending: 0, dropped: 1 });
  expect(client.stats().drops).toEqual({ http_4xx: { audit: 1 } });
});

test("a fault server fails as it is told and stores each event once", async () => {
  const faults: (Fault | undefined)[] = ["reset", "lose_ack", "half_reply", undefined];
  const server = await createFaultServer({ fault: ({ number }) => faults[number - 1] });
  closers.push(server.close);
  const client = createCuittyClient({ ...identity, portalUrl: server.url, timeout: 2_000 }).start();
  closers.push(client.shutdown);
  client.emit({ type: "audit", data: { n: 1 } });
  expect(await client.flush()).toEqual({ sent: 1, pending: 0, dropped: 0 });
  expect(server.requests).toHaveLength(4);
  expect(new Set(server.requests.map((request) => request.key)).size).toBe(1);
  expect(server.stored.map((event) => event.data)).toEqual([{ n: 1 }]);
  expect(server.violations).toEqual([]);
});

test("a fault server refuses single events with a reason", async () => {
  const server = await createFaultServer({ refuse: (event) => (event.data.n === 1 ? "data.actor: required" : undefined) });
  closers.push(server.close);
  const client = createCuittyClient({ ...identity, portalUrl: server.url });
  closers.push(client.shutdown);
  const drops: unknown[] = [];
  client.on("drop", (detail) => drops.push(detail));
  for (let n = 0; n < 3; n++) client.emit({ type: "audit", data: { n } });
  expect(await client.flush()).toEqual({ sent: 2, pending: 0, dropped: 1 });
  expect(drops).toEqual([{ reason: "rejected", type: "audit", message: "data.actor: required" }]);
  expect(client.stats()).toMatchObject({ emitted: 3, sent: 2, rejected: 1, dropped: 0 });
});

test("a page's bundler meets nothing that only Node has", async () => {
  const { warnings, metafile } = await build({
    stdin: { contents: 'export { createRecorder } from "@cuitty/sdk/testing";', resolveDir: import.meta.dirname },
    bundle: true,
    metafile: true,
    write: false,
    treeShaking: false,
    format: "esm",
    platform: "browser",
    conditions: ["@cuitty/source"],
    logLevel: "silent",
  });
  expect(warnings).toEqual([]);
  expect(Object.values(metafile.inputs).flatMap(({ imports }) => imports.filter(({ external }) => external))).toEqual([]);
});
