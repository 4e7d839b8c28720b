// The client on Bun where runtimes differ most: how processes end, and what the plugins can see.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { createCuittyClient } from "@cuitty/sdk";
import { performancePlugin } from "@cuitty/sdk/plugins/performance";
import { check, finish, folder, start, until } from "./checks.mjs";

/** A portal that is down, or keeps each event once by its id. */
async function createPortal() {
  const portal = { isDown: false, events: new Map(), faults: [], url: "" };
  const server = createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces);
    if (portal.isDown) return response.writeHead(503).end();
    const signature = createHmac("sha256", "whsec_test").update(body).digest("hex");
    if (request.headers["x-cuitty-signature"] !== signature) portal.faults.push("signature");
    const isCompressed = request.headers["content-encoding"] === "gzip";
    if (!isCompressed && body.length > 2_000) portal.faults.push("not compressed");
    const { events } = JSON.parse(isCompressed ? gunzipSync(body) : body);
    for (const event of events) portal.events.set(event.id, event);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ accepted: events.length, rejected: [] }));
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  portal.url = `http://127.0.0.1:${server.address().port}`;
  return portal;
}

const typesOf = ({ events }) => [...events.values()].map(({ type }) => type).sort();
const sent = ["audit", "audit", "audit"];

await check("a natural end flushes", async () => {
  const portal = await createPortal();
  const { code } = await start("life.mjs", [portal.url, "natural"]).ended;
  assert.deepEqual([code, typesOf(portal), portal.faults], [0, sent, []]);
});

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
  await check(`${signal} flushes and ends as it would`, async () => {
    const portal = await createPortal();
    const life = start("life.mjs", [portal.url, signal]);
    await until("its events", () => life.output().includes("emitted"));
    life.kill(signal);
    assert.deepEqual([(await life.ended).signal, typesOf(portal)], [signal, sent]);
  });
}

const ends = [
  ["exit", 3, sent],
  ["throw", 1, [...sent, "error"]],
  ["reject", 1, [...sent, "error"]],
  ["reject, heard once", 1, [...sent, "error", "error"]],
];
for (const [end, code, types] of ends) {
  await check(`what is left after "${end}" is sent by the next process, and the process ends with ${code}`, async () => {
    const portal = await createPortal();
    const spool = join(folder, `spool of ${end}`);
    portal.isDown = true;
    assert.equal((await start("life.mjs", [portal.url, end, spool]).ended).code, code);
    assert.equal(
      readdirSync(spool).some((name) => name.endsWith(".batch")),
      true,
    );
    portal.isDown = false;
    await start("life.mjs", [portal.url, "natural", spool]).ended;
    assert.deepEqual([typesOf(portal), portal.faults], [[...sent, ...types].sort(), []]);
    assert.deepEqual(existsSync(spool) ? readdirSync(spool) : [], []);
  });
}

await check("process metrics that Bun cannot measure are left out, not zero", async () => {
  const portal = await createPortal();
  const client = createCuittyClient({ portalUrl: portal.url, projectId: "p", apiKey: "cuitty_sk_test", webhookSecret: "whsec_test" });
  client.use(performancePlugin({ service: "test" })).start();
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  await client.shutdown();
  const [event] = portal.events.values();
  const { metrics } = event.data;
  assert.ok(metrics["process.memory.rss"] > 0 && metrics["process.cpu.user"] >= 0);
  for (const name of ["process.eventloop.utilization", "process.gc.count"]) assert.equal(metrics[name], undefined, name);
});

finish();
