// Requests that two parsers could read two ways: none of them reaches a handler of the kit.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ServerKit } from "@cuitty/server-kit";
import { kitMiddleware } from "@cuitty/server-kit/express";
import { mountKit } from "@cuitty/server-kit/hono";
import { nodeHandler, serve } from "@cuitty/server-kit/node";
import { getRequestListener } from "@hono/node-server";
import express from "express";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openKit } from "./host-servers.ts";

const body = '{"events":[]}';
const ingest = "POST /api/ingest HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
const chunk = (size: number): string => `${size.toString(16)}\r\n${" ".repeat(size)}\r\n`;

/** Name, bytes, statuses that are right. */
const tricks: readonly (readonly [string, string, readonly number[]])[] = [
  ["Content-Length that is no number", `${ingest}Content-Length: abc\r\n\r\n${body}`, [400]],
  ["a negative Content-Length", `${ingest}Content-Length: -1\r\n\r\n${body}`, [400]],
  ["a signed Content-Length", `${ingest}Content-Length: +2\r\n\r\n{}`, [400]],
  ["two Content-Lengths", `${ingest}Content-Length: ${body.length}\r\nContent-Length: 2\r\n\r\n${body}`, [400]],
  ["Content-Length and Transfer-Encoding", `${ingest}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, [400]],
  ["chunked not last", `${ingest}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`, [400]],
  ["another coding before chunked", `${ingest}Transfer-Encoding: gzip, chunked\r\n\r\nd\r\n${body}\r\n0\r\n\r\n`, [400]],
  ["a chunk size that is no number", `${ingest}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n`, [400]],
  ["lines that end in LF alone", `${ingest}Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n`, [400]],
  ["a folded header", `${ingest}X-Fold: a\r\n b\r\nContent-Length: 2\r\n\r\n{}`, [400]],
  ["white space before the colon", `${ingest}Content-Length : 2\r\n\r\n{}`, [400]],
  ["no Host", "POST /api/ingest HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", [400]],
  ["headers of 40 KB", `${ingest}X-Long: ${"a".repeat(40_000)}\r\n\r\n`, [431]],
  ["an absolute target", "POST http://x/api/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", [400, 404]],
  ["two slashes", "POST //api/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", [404]],
  ["a dot segment", "POST /x/../api/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", [404]],
  ["another case", "POST /API/ingest HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", [404]],
  ["a slash at the end", "POST /api/ingest/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", [404]],
  ["an encoded slash", "POST /api%2fingest HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", [404]],
  ["a path parameter", "POST /api/ingest;x=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", [404]],
  ["a target that is a star", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", [200, 204, 400, 404]],
  ["no HTTP at all", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", [400]],
];

interface Running {
  readonly port: number;
  close(): Promise<void>;
}

async function listen(listener: RequestListener): Promise<Running> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { port: (server.address() as AddressInfo).port, close };
}

const hosts: readonly (readonly [string, (kit: ServerKit) => Promise<Running>])[] = [
  [
    "serve()",
    async (kit) => {
      const running = await serve(kit, { port: 0 });
      return { port: running.port, close: () => running.close(0) };
    },
  ],
  ["node:http", (kit) => listen(nodeHandler(kit))],
  ["Express", (kit) => listen(express().set("env", "test").use(kitMiddleware(kit)) as RequestListener)],
  [
    "Hono",
    (kit) => {
      const app = new Hono();
      mountKit(app, kit);
      return listen(getRequestListener(app.fetch) as RequestListener);
    },
  ],
];

/** Everything the server says until it closes, or is silent for a while. */
function talk(port: number, bytes: string, answers = 1): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    const silence = setTimeout(() => socket.destroy(), 3_000);
    socket.on("data", (data) => {
      text += data.toString("latin1");
      if (text.split("\r\n\r\n").length > answers) setTimeout(() => socket.destroy(), 50);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(silence);
      resolve(text);
    });
    socket.write(Buffer.from(bytes, "latin1"));
  });
}

/** Sends the head and then pieces of a body until the server closes, at most 5 s. */
function upload(port: number, head: string): Promise<{ text: string; closedByServer: boolean }> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    let closedByServer = true;
    const piece = Buffer.alloc(1_024);
    const drip = setInterval(() => socket.write(piece), 100);
    const patience = setTimeout(() => {
      closedByServer = false;
      socket.destroy();
    }, 5_000);
    socket.on("data", (data) => {
      text += data.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearInterval(drip);
      clearTimeout(patience);
      resolve({ text, closedByServer });
    });
    socket.write(head);
  });
}

const tooMuch = join(import.meta.dirname, "children/too-much.ts");

const statusOf = (text: string): number => Number(/^HTTP\/1.1 (\d{3}) /.exec(text)?.[1] ?? 0);

describe.each(hosts)("%s", (_name, start) => {
  let kit: ServerKit;
  let running: Running;
  let dataDir: string;
  let authorization: string;
  let handled = 0;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "cuitty-framing-"));
    const opened = await openKit(dataDir);
    kit = opened.kit;
    authorization = `Authorization: Bearer ${opened.apiKey}\r\n`;
    kit.stages.before("readBody", () => {
      handled++;
    });
    running = await start(kit);
  });
  afterAll(async () => {
    await kit.close();
    await running.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  test.each(tricks)("%s", async (_trick, bytes, statuses) => {
    handled = 0;
    // With a key: only its form keeps the request out.
    const text = await talk(running.port, bytes.replace("Host: x\r\n", `Host: x\r\n${authorization}`));
    expect(statuses).toContain(statusOf(text));
    // A body's framing shows only while it is read: the body then never gets to a handler.
    if (!bytes.includes("chunked")) expect(handled).toBe(0);
  });

  test("a chunked body that never ends is cut off at the limit", async () => {
    const head = `${ingest}${authorization}Transfer-Encoding: chunked\r\n\r\n`;
    const text = await talk(running.port, head + chunk(65_536).repeat(100));
    expect(statusOf(text)).toBe(413);
  });

  test("a Content-Length over the limit is refused before the body is sent", async () => {
    const text = await talk(running.port, `${ingest}${authorization}Content-Length: 50000000\r\n\r\n`);
    expect(statusOf(text)).toBe(413);
  });

  test.each([{ CHUNKED: undefined }, { CHUNKED: "yes" }])("who sends a little too much hears so, chunked: $CHUNKED", async (framing) => {
    const env = { ...process.env, PORT: String(running.port), KEY: authorization.trim().split(" ").at(-1), ...framing };
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", tooMuch], { env });
    expect(JSON.parse(stdout)).toEqual(Array(10).fill(413));
  });

  test("a flood of bodies that are too large is refused, holds nothing, and ends", async () => {
    const memory = process.memoryUsage().rss;
    const head = `${ingest}${authorization}Content-Length: 50000000\r\n\r\n`;
    const uploads = Array.from({ length: 200 }, () => upload(running.port, head));
    const answers = await Promise.all(uploads);
    expect(answers.every(({ text }) => statusOf(text) === 413)).toBe(true);
    expect(process.memoryUsage().rss - memory).toBeLessThan(150 * 1024 * 1024);
    expect(statusOf(await talk(running.port, "GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n"))).toBe(200);
    // Express and node:http are served by our own adapter, which cuts off who goes on sending.
    if (_name !== "Hono") expect(answers.every(({ closedByServer }) => closedByServer)).toBe(true);
  });

  test("two requests in one packet are two requests", async () => {
    const one = `GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n`;
    const text = await talk(running.port, one + one, 2);
    expect(text.match(/HTTP\/1.1 200 /g)).toHaveLength(2);
  });
});
