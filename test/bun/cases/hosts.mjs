// The other hosts on Bun: Express, node:http, and `kit.fetch` alone.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { join } from "node:path";
import { createCuittyClient } from "@cuitty/sdk";
import { createExpressMiddleware } from "@cuitty/sdk/express";
import { auditPlugin } from "@cuitty/sdk/plugins/audit";
import { createRecorder } from "@cuitty/sdk/testing";
import { createServerKit } from "@cuitty/server-kit";
import { kitMiddleware } from "@cuitty/server-kit/express";
import { logs } from "@cuitty/server-kit/logs";
import { serve } from "@cuitty/server-kit/node";
import express from "express";
import { check, finish, folder, until } from "./checks.mjs";
import { batchOf, createIngestClient, logEvent } from "./ingest-client.mjs";

const kit = await createServerKit({ dataDir: join(folder, "data"), modules: [logs()] });
const credentials = await kit.bootstrap({ email: "a@example.com", organization: "Acme" });

async function takesAndStreams(url, name) {
  const client = createIngestClient(url, credentials);
  const stream = await client.stream("/api/stream?topics=logs");
  assert.equal((await client.send(batchOf(logEvent(name)))).text, '{"accepted":1,"rejected":[]}');
  await until("the event", () => stream.text().includes(`"${name}"`));
  assert.equal((await client.send(new Uint8Array(5 * 1024 * 1024 + 1).fill(32))).status, 413);
  stream.stop();
  await until("that the client is let go", () => kit.stats().streams === 0);
}

await check("Express", async () => {
  const app = express();
  app.use(kitMiddleware(kit));
  app.get("/own", (_request, response) => response.send("own"));
  const server = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  await takesAndStreams(url, "express");
  assert.equal(await (await fetch(`${url}/own`)).text(), "own");
  server.close();
});

await check("the client's Express middleware records each request, also one whose client hung up", async () => {
  const recorder = createRecorder();
  const cuitty = createCuittyClient({ portalUrl: "http://portal", projectId: "p", apiKey: "cuitty_sk_test", fetch: recorder.fetch });
  cuitty.use(auditPlugin()).start();
  const app = express();
  app.use(createExpressMiddleware(cuitty));
  app.get("/notes/:id", (_request, response) => response.send("a note"));
  app.get("/endless", (_request, response) => response.write("a part"));
  const server = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  for (let id = 1; id <= 2; id++) await (await fetch(`http://127.0.0.1:${port}/notes/${id}`)).text();
  const socket = connect(port, "127.0.0.1");
  socket.write("GET /endless HTTP/1.1\r\nhost: x\r\n\r\n");
  await new Promise((resolve) => socket.once("data", resolve));
  socket.destroy();
  await until("three events", async () => {
    await cuitty.flush();
    return recorder.events.length >= 3;
  });
  assert.deepEqual(
    recorder.events.map(({ data }) => [data.action, data.resource, data.metadata?.aborted]),
    [
      ["GET /notes/:id", "/notes/1", undefined],
      ["GET /notes/:id", "/notes/2", undefined],
      ["GET /endless", "/endless", true],
    ],
  );
  await cuitty.shutdown();
  server.close();
});

await check("serve() of the kit", async () => {
  const server = await serve(kit, { port: 0 });
  await takesAndStreams(server.url, "serve");
  await server.close();
});

await check("Bun.serve({ fetch: kit.fetch })", async () => {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: kit.fetch });
  await takesAndStreams(server.url.origin, "fetch");
  await server.stop(true);
});

await kit.close();
finish();
