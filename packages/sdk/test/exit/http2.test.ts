// Where HTTP/2 is spoken, which Node offers from 26 on, many requests are on one connection: the client's never let go of the host's.
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { createSecureServer } from "node:http2";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { makeCertificate } from "./certificate.ts";
import { lastLine, run } from "./run.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cuitty-http2-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Speaks HTTP/2 with those who offer it, some time after they connected. */
async function serve(listener: RequestListener, delayMs = 0) {
  const { key, cert } = makeCertificate();
  const server = createSecureServer({ key, cert, allowHTTP1: true }, listener as never);
  const sockets = new Set<Socket>();
  const door = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    setTimeout(() => server.emit("connection", socket), delayMs);
  }).listen(0);
  const trusted = join(folder, "trusted.pem");
  await Promise.all([once(door, "listening"), writeFile(trusted, cert)]);
  return {
    url: `https://127.0.0.1:${(door.address() as AddressInfo).port}`,
    env: { NODE_EXTRA_CA_CERTS: trusted },
    close() {
      door.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

const slow: RequestListener = (request, response) => {
  if (request.url !== "/api/ingest") return setTimeout(() => response.end(), request.url === "/slow" ? 4_000 : 500);
  response.writeHead(200, { "content-type": "application/json" }).end('{"accepted":50,"rejected":[]}');
};

test.each([
  { when: "earlier", end: "before", delayMs: 0 },
  { when: "while the client connects", end: "connecting", delayMs: 4_000 },
  { when: "earlier, and the client has a fetch of the app's own", end: "before", delayMs: 0, ownFetch: true },
  { when: "while the client connects with a fetch of the app's own", end: "connecting", delayMs: 4_000, ownFetch: true },
])("a request of the host's own, begun $when, holds the process until it is answered", async ({ delayMs, ...orders }) => {
  const server = await serve(slow, delayMs);
  const { stdout } = await run({ url: server.url, ...orders }, server.env);
  server.close();
  expect(stdout).toContain("answered 1 of 1");
});

test("a server that hangs holds a natural end no longer than elsewhere", async () => {
  const server = await serve((request) => request.resume());
  const end = await run({ url: server.url, end: "later", spool: join(folder, "spool") }, server.env);
  server.close();
  expect(lastLine(end).ms).toBeLessThan(3_500);
  expect(await readdir(join(folder, "spool"))).toHaveLength(1);
});
