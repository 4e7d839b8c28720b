// The example as its README says: started as a program, driven over HTTP, stopped and started again.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
let dataDir: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "cuitty-express-"));
});
afterEach(async () => {
  await Promise.all(children.splice(0).map(stop));
  await rm(dataDir, { recursive: true, force: true });
});

function spawnApp(port: number): ChildProcess {
  const child = spawn(process.execPath, ["--conditions=@cuitty/source", "--import", "tsx", main], {
    env: { ...process.env, PORT: String(port), DATA_DIR: dataDir },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  return child;
}

function start(): Promise<{ url: string; child: ChildProcess }> {
  const child = spawnApp(0);
  return new Promise((resolve, reject) => {
    let text = "";
    const onText = (chunk: Buffer): void => {
      text += chunk.toString();
      const url = /http:\/\/localhost:\d+/.exec(text)?.[0];
      if (url) resolve({ url, child });
    };
    child.stdout?.on("data", onText);
    child.stderr?.on("data", onText);
    child.once("close", () => reject(new Error(text)));
  });
}

async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null) return child.exitCode;
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  child.kill("SIGTERM");
  return closed;
}

const json = { "content-type": "application/json" };

async function logIn(url: string): Promise<Record<string, string>> {
  const response = await fetch(`${url}/login`, { method: "POST", headers: json, body: '{"user":"alice"}' });
  return { cookie: response.headers.get("set-cookie")?.split(";")[0] ?? "" };
}

/** Reads a stream until `count` events have come. */
async function readStream(
  url: string,
  headers: Record<string, string>,
  count: number,
): Promise<{ type: string; data: { action: string } }[]> {
  const abort = new AbortController();
  const response = await fetch(url, { headers, signal: abort.signal });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
  const events: { type: string; data: { action: string } }[] = [];
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("data: ")) events.push(JSON.parse(line.slice(6)));
    if (events.length >= count) break;
  }
  abort.abort();
  return events;
}

test("the app works as before, and its requests are seen live by who is logged in, also after a restart", async () => {
  const first = await start();
  expect((await fetch(`${first.url}/bookmarks`)).status).toBe(401);
  const session = await logIn(first.url);
  const saved = await fetch(`${first.url}/bookmarks`, {
    method: "POST",
    headers: { ...json, ...session },
    body: '{"url":"https://example.com"}',
  });
  expect([saved.status, await saved.json()]).toEqual([201, { url: "https://example.com" }]);
  expect(await (await fetch(`${first.url}/bookmarks`, { headers: session })).json()).toEqual(["https://example.com"]);

  const events = await readStream(`${first.url}/api/stream?topics=audit&after=0`, session, 4);
  expect(events.map(({ data }) => data.action).sort()).toEqual(["GET /bookmarks", "GET /bookmarks", "POST /bookmarks", "POST /login"]);
  expect((await fetch(`${first.url}/api/stream?topics=audit`)).status).toBe(401);
  expect((await fetch(`${first.url}/api/modules/audit/events`)).status).toBe(401);
  expect((await stat(join(dataDir, "credentials.json"))).mode & 0o777).toBe(0o600);
  expect(await stop(first.child)).toBe(0);

  const second = await start();
  const report = await fetch(`${second.url}/api/modules/audit/verify`, { headers: await logIn(second.url) });
  expect(await report.json()).toMatchObject({ ok: true, brokenAt: null });
  expect((await readStream(`${second.url}/api/stream?topics=audit&after=0`, await logIn(second.url), 4)).length).toBeGreaterThanOrEqual(4);
});

test("a port in use ends in one line that says what to do", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const child = spawnApp((taken.address() as AddressInfo).port);
  let text = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  await new Promise((resolve) => taken.close(resolve));
  expect([code, text]).toEqual([1, expect.stringMatching(/^embed-express: port \d+ is in use: set PORT to another one\n$/)]);
});
