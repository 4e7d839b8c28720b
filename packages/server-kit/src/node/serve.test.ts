import { type IncomingMessage, type RequestListener, request } from "node:http";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { until } from "../sse/test-tools/stream-server.ts";
import { type RunningServer, type ServeOptions, serve } from "./serve.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const sayOk: RequestListener = (incoming, outgoing) => {
  if (incoming.url === "/never") return;
  incoming.resume();
  incoming.on("end", () => outgoing.end("ok"));
};

async function start(options: ServeOptions = {}, listener = sayOk): Promise<RunningServer> {
  const running = await serve(listener, { port: 0, ...options });
  cleanups.push(() => running.close(0));
  return running;
}

interface Client {
  readonly socket: Socket;
  text(): string;
  isClosed(): boolean;
}

function open(port: number, bytes = ""): Client {
  const socket = connect(port, "127.0.0.1");
  let text = "";
  let isClosed = false;
  socket.on("data", (data) => {
    text += data.toString("latin1");
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    isClosed = true;
  });
  if (bytes !== "") socket.write(bytes);
  cleanups.push(() => void socket.destroy());
  return { socket, text: () => text, isClosed: () => isClosed };
}

/** How long an honest request takes. */
function honest(port: number): Promise<number> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    request({ port, host: "127.0.0.1", method: "POST", agent: false }, (response) => {
      response.resume();
      response.on("end", () => resolve(performance.now() - startedAt));
    })
      .on("error", reject)
      .end("{}");
  });
}

describe("serve()", () => {
  test("has a port and an address, and closes twice", async () => {
    const running = await start();
    expect(running.url).toBe(`http://127.0.0.1:${running.port}`);
    expect(await (await fetch(running.url, { method: "POST", body: "x" })).text()).toBe("ok");
    await Promise.all([running.close(0), running.close(0)]);
  });

  test("a port in use and an address that is not here are errors that say what to do", async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toMatchObject({ code: "port_in_use", message: expect.stringMatching(/another port/) });
    await expect(start({ hostname: "203.0.113.1" })).rejects.toMatchObject({ code: "listen_failed" });
  });

  test("every header within the size limit arrives, however many there are; over the limit is 431", async () => {
    const seen: IncomingMessage[] = [];
    const { port } = await start({}, (incoming, outgoing) => {
      seen.push(incoming);
      outgoing.end();
    });
    const many = Array.from({ length: 3_000 }, () => "a:\r\n").join("");
    const client = open(port, `GET / HTTP/1.1\r\nHost: x\r\n${many}X-Cuitty-Signature: last\r\nConnection: close\r\n\r\n`);
    await until(() => client.isClosed());
    expect([seen[0]?.headers["x-cuitty-signature"], seen[0]?.rawHeaders.length]).toEqual(["last", 2 * 3_003]);
    const large = open(port, `GET / HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(17_000)}\r\nConnection: close\r\n\r\n`);
    await until(() => large.isClosed());
    expect(large.text()).toMatch(/^HTTP\/1.1 431 [\s\S]*application\/problem\+json[\s\S]*"code":"headers_too_large"/);
    const broken = open(port, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 2\r\n\r\n");
    await until(() => broken.isClosed());
    expect(broken.text()).toMatch(/^HTTP\/1.1 400 [\s\S]*application\/problem\+json[\s\S]*"code":"invalid_request"/);
  });

  test("a target that is not a path is a problem with a request id, the client's own where it sent one", async () => {
    const { port } = await start();
    const head = "Host: x\r\nX-Request-Id: mine-1\r\nConnection: close\r\n\r\n";
    for (const line of ["GET http://x/api/health", "OPTIONS *"]) {
      const client = open(port, `${line} HTTP/1.1\r\n${head}`);
      await until(() => client.isClosed());
      expect(client.text()).toMatch(/^HTTP\/1.1 400 /);
      expect(client.text().toLowerCase()).toContain("content-type: application/problem+json");
      expect(client.text()).toMatch(/"code":"invalid_request".*"instance":"mine-1"/);
    }
  });

  test("a connection that says nothing is closed", async () => {
    const { port } = await start({ headersTimeoutMs: 500 });
    const silent = open(port);
    await until(() => silent.isClosed(), 4_000);
  });

  test("headers that come a byte at a time are cut off, however steadily", async () => {
    const { port } = await start({ headersTimeoutMs: 500 });
    const slow = open(port, "GET / HTTP/1.1\r\nHost: x\r\n");
    const drip = setInterval(() => slow.socket.write("a"), 50);
    cleanups.push(() => clearInterval(drip));
    await until(() => slow.isClosed(), 4_000);
    expect(slow.text()).toMatch(/^HTTP\/1.1 408 [\s\S]*application\/problem\+json[\s\S]*"code":"request_timeout"/);
  });

  test("a body that comes a byte at a time is cut off, however steadily", async () => {
    const { port } = await start({ headersTimeoutMs: 500, requestTimeoutMs: 1_000 });
    const slow = open(port, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    const drip = setInterval(() => slow.socket.write("a"), 50);
    cleanups.push(() => clearInterval(drip));
    await until(() => slow.isClosed(), 5_000);
  });

  test("an answer that takes its time is not cut off", async () => {
    const { port } = await start({ headersTimeoutMs: 300, requestTimeoutMs: 400, keepAliveTimeoutMs: 300 });
    const stream = open(port, "GET /never HTTP/1.1\r\nHost: x\r\n\r\n");
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(stream.isClosed()).toBe(false);
  });

  test("connections over the cap, of one address or of all, are closed at once; the others go on", async () => {
    const perIp = await start({ maxConnectionsPerIp: 5 });
    const clients = Array.from({ length: 8 }, () => open(perIp.port));
    await until(() => clients.filter((client) => client.isClosed()).length === 3);
    for (const client of clients) client.socket.destroy();
    await until(() => clients.every((client) => client.isClosed()));
    await honest(perIp.port);
    const inAll = await start({ maxConnections: 5 });
    const others = Array.from({ length: 8 }, () => open(inAll.port));
    await until(() => others.filter((client) => client.isClosed()).length === 3);
  });

  test("5,000 idle connections cost little, and honest requests go on", async () => {
    const { port } = await start({ maxConnectionsPerIp: 6_000 });
    const median = async (): Promise<number> => {
      const times: number[] = [];
      for (let index = 0; index < 60; index++) times.push(await honest(port));
      return times.sort((a, b) => a - b)[30] ?? 0;
    };
    const alone = await median();
    const memory = process.memoryUsage().rss;
    const idle = Array.from({ length: 5_000 }, (_, index) => open(port, index % 2 === 0 ? "" : "POST / HTTP/1.1\r\nHost: x\r\n"));
    await until(() => idle.every(({ socket }) => socket.readyState === "open"));
    // Server and clients are one process here: both ends are counted.
    expect(process.memoryUsage().rss - memory).toBeLessThan(256 * 1024 * 1024);
    expect(await median()).toBeLessThan(alone * 3 + 5);
  });

  test("connections that come and go leave nothing behind", async () => {
    const { port, server } = await start({ maxConnectionsPerIp: 20 });
    for (let round = 0; round < 20; round++) {
      const clients = Array.from({ length: 20 }, () => open(port, "GET / HT"));
      await until(() => clients.every(({ socket }) => socket.readyState === "open" || socket.destroyed));
      for (const { socket } of clients) socket.resetAndDestroy();
      await until(() => clients.every((client) => client.isClosed()));
    }
    await honest(port);
    const count = await new Promise<number>((resolve) => server.getConnections((_error, connections) => resolve(connections)));
    expect(count).toBeLessThanOrEqual(20);
  });
});
