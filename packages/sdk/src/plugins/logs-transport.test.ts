// The pino transport, in a real worker against a real server.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";

interface Received {
  readonly type: string;
  readonly ts: string;
  readonly data: Record<string, unknown>;
}

async function startServer() {
  const events: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      const text = (request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body).toString();
      const batch = JSON.parse(text) as { events: Received[] };
      events.push(...batch.events);
      response.setHeader("content-type", "application/json").end(JSON.stringify({ accepted: batch.events.length, rejected: [] }));
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { events, portalUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

// Workers load plain JavaScript, as users have it.
const folder = mkdtempSync(join(tmpdir(), "cuitty-transport-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const target = join(folder, "logs-transport.mjs");
beforeAll(async () => {
  await build({
    entryPoints: [fileURLToPath(new URL("./logs-transport.ts", import.meta.url))],
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    conditions: ["@cuitty/source"],
  });
});

const options = (portalUrl: string) => ({ portalUrl, projectId: "proj_01", apiKey: "cuitty_sk_test", minLevel: "info", service: "api" });

// The end of a transport blocks its thread until the worker is done, so the server is not in the same process.
test.each([
  ["is ended", "transport.end();"],
  ["is left to the end of the process", ""],
  ["is cut off by process.exit", "setTimeout(() => process.exit(0), 300);"],
])("lines of a logger that %s all arrive from the worker", async (_name, end) => {
  const { events, portalUrl } = await startServer();
  const program = `import pino from "pino";
    const transport = pino.transport({ target: ${JSON.stringify(target)}, options: ${JSON.stringify(options(portalUrl))} });
    const logger = pino({ base: null, level: "debug" }, transport);
    for (let i = 0; i < 200; i += 1) logger.child({ module: "m" }).info({ i }, "Zeile " + i + " 日本 😀 " + "x".repeat(i));
    logger.debug("below minLevel");
    transport.once("ready", () => { ${end} });`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    stdio: ["ignore", "ignore", "pipe"],
  });
  const stderr: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  const [code] = await once(child, "exit");
  expect(code, Buffer.concat(stderr).toString()).toBe(0);
  expect(events.map((event) => (event.data.fields as { i: number }).i)).toEqual(Array.from({ length: 200 }, (_, i) => i));
  expect(events[7]).toMatchObject({
    type: "log",
    data: { level: "info", module: "m", service: "api", message: "Zeile 7 日本 😀 xxxxxxx" },
  });
});

test("chunks may be cut anywhere, even inside of a character", async () => {
  const { events, portalUrl } = await startServer();
  const { default: logsTransport } = await import("./logs-transport.ts");
  const stream = logsTransport(options(portalUrl));
  const bytes = Buffer.from('{"level":30,"msg":"eins 😀"}\n{"level":40,"msg":"zwei"}\n\nno json');
  for (const byte of bytes) stream.write(Buffer.from([byte]));
  await new Promise((resolve) => stream.end(resolve));
  expect(events.map((event) => [event.data.level, event.data.message])).toEqual([
    ["info", "eins 😀"],
    ["warn", "zwei"],
    ["info", "no json"],
  ]);
});

test("wrong options are refused with the client's error", async () => {
  const { default: logsTransport } = await import("./logs-transport.ts");
  expect(() => logsTransport({ portalUrl: "nowhere", projectId: "p", apiKey: "k" })).toThrow(
    expect.objectContaining({ code: "invalid_option" }),
  );
});
