// The kit in a Hono app that Bun serves: ingest, streams, lease, recovery after a kill, the end.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { check, finish, folder, start, until } from "./checks.mjs";
import { auditEvent, batchOf, createIngestClient, logEvent } from "./ingest-client.mjs";

const dataDir = join(folder, "data");
const credentialsFile = join(folder, "credentials.json");

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startApp() {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const app = start("app.mjs", [dataDir, credentialsFile], { PORT: String(port) });
  await until(`the app answers; it said: ${app.output()}`, () =>
    fetch(`${url}/api/health`)
      .then(({ ok }) => ok)
      .catch(() => false),
  );
  return { ...app, url, client: createIngestClient(url, JSON.parse(readFileSync(credentialsFile, "utf8"))) };
}

let app = await startApp();
// Several, as the time of the first heartbeat is random.
const silent = await Promise.all(Array.from({ length: 6 }, () => app.client.stream("/api/modules/audit/stream")));
const silentSince = Date.now();

await check("module files live on storage threads", async () => {
  assert.equal((await app.client.read("/stats")).storageThread, true);
});

await check("a signed batch is stored once, and refused with another body", async () => {
  const [key, body] = [randomUUID(), batchOf(logEvent("one"), { type: "log", ts: "never", data: {} })];
  const first = await app.client.send(body, { key });
  assert.equal(first.status, 200);
  assert.match(first.text, /^\{"accepted":1,"rejected":\[\{"index":1,/);
  assert.deepEqual(await app.client.send(body, { key }), first);
  assert.equal((await app.client.send(batchOf(logEvent("two")), { key })).status, 422);
  assert.equal((await app.client.read("/api/modules/logs/events")).events.length, 1);
});

await check("a changed byte is refused", async () => {
  const answer = await app.client.send(batchOf(logEvent("changed")), { signed: batchOf(logEvent("signed")) });
  assert.deepEqual([answer.status, JSON.parse(answer.text).code], [403, "signature_mismatch"]);
});

await check("a compressed body, and one in pieces", async () => {
  assert.equal((await app.client.send(gzipSync(batchOf(logEvent("gzip"))), { headers: { "content-encoding": "gzip" } })).status, 200);
  const body = batchOf(...Array.from({ length: 500 }, (_, index) => logEvent(`piece ${index} ${"x".repeat(500)}`)));
  const pieces = new ReadableStream({
    async start(controller) {
      for (let at = 0; at < body.length; at += 50_000) {
        controller.enqueue(body.slice(at, at + 50_000));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      controller.close();
    },
  });
  assert.equal((await app.client.send(pieces, { signed: body })).text, '{"accepted":500,"rejected":[]}');
});

await check("a body that is too large is 413, also when it unfolds to that", async () => {
  const large = new Uint8Array(5 * 1024 * 1024 + 1).fill(32);
  assert.equal((await app.client.send(large)).status, 413);
  assert.equal((await app.client.send(gzipSync(large), { headers: { "content-encoding": "gzip" } })).status, 413);
});

await check("keys and projects", async () => {
  const { projects } = await app.client.read("/api/projects");
  assert.equal((await app.client.read(`/api/projects/${projects[0].id}/keys`)).keys.length, 1);
});

await check("a live stream hears of what is stored, and goes on where it was left", async () => {
  const stream = await app.client.stream("/api/stream?topics=logs");
  await app.client.send(batchOf(logEvent("live")));
  await until("the event", () => stream.text().includes('"live"'));
  const id = [...stream.text().matchAll(/^id: ?(.+)$/gm)].at(-1)[1];
  stream.stop();
  await app.client.send(batchOf(logEvent("missed")));
  const next = await app.client.stream("/api/stream?topics=logs", id);
  await until("the missed event", () => next.text().includes('"missed"'));
  assert.equal(next.text().includes('"live"'), false);
  next.stop();
  await until("that clients that left are let go", async () => (await app.client.read("/stats")).streams === silent.length);
});

await check("a second process is told who has the folder", async () => {
  const { code, output } = await start("app.mjs", [dataDir, credentialsFile], { PORT: "0" }).ended;
  assert.notEqual(code, 0);
  assert.match(output, /data_dir_in_use/);
});

await check("streams without events outlive the idle time-out of Bun's server", async () => {
  await new Promise((resolve) => setTimeout(resolve, 13_000 - (Date.now() - silentSince)));
  assert.deepEqual(
    silent.map(({ ended }) => ended()),
    silent.map(() => undefined),
  );
});

await check("kill -9 under load loses nothing that was acknowledged", async () => {
  const acknowledged = [];
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    for (let n = 0; ; n++) {
      const answer = await app.client.send(batchOf(auditEvent(`${writer}-${n}`))).catch(() => undefined);
      if (answer === undefined) return;
      if (answer.status === 200) acknowledged.push(`${writer}-${n}`);
    }
  });
  await until("some batches", () => acknowledged.length >= 20);
  app.kill("SIGKILL");
  await Promise.all(writers);
  app = await startApp();
  const stored = new Set();
  for (let cursor = ""; cursor !== null; ) {
    const page = await app.client.read(`/api/modules/audit/events?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    for (const { data } of page.events) stored.add(data.resource);
    cursor = page.nextCursor ?? null;
  }
  assert.deepEqual(
    acknowledged.filter((resource) => !stored.has(resource)),
    [],
  );
  assert.equal((await app.client.read("/api/modules/audit/verify")).ok, true);
});

await check("SIGTERM ends streams and app", async () => {
  const stream = await app.client.stream("/api/stream?topics=logs");
  app.kill("SIGTERM");
  assert.equal((await app.ended).code, 0);
  await until("the end of the stream", stream.ended);
});

finish();
