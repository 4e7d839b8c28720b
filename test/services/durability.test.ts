// A 200 is sent only after the commit is synced: the system calls of a real server say so.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hasCommand, hasPart } from "../support/require-part.ts";

const hasStrace = hasPart("strace", hasCommand("strace", "-V"), "install strace");
const example = resolve(import.meta.dirname, "../../examples/embed-hono");

let folder: string;
let server: ChildProcess;
let url = "";
let apiKey = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "durability-"));
  if (!hasStrace) return;
  const calls = "trace=read,readv,recvfrom,write,writev,pwrite64,sendto,sendmsg,fsync,fdatasync";
  const node = [process.execPath, "--conditions=@cuitty/source", "--import", "tsx", "src/main.ts"];
  server = spawn("strace", ["-f", "-y", "-s", "400", "-e", calls, "-o", join(folder, "calls"), ...node], {
    cwd: example,
    env: { ...process.env, PORT: "0", DATA_DIR: join(folder, "data") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  await new Promise<void>((resolve, reject) => {
    server.once("close", () => reject(new Error(`the server ended: ${output}`)));
    server.stdout?.on("data", (chunk: Buffer) => {
      output += chunk;
      url = /http:\/\/localhost:\d+/.exec(output)?.[0] ?? "";
      apiKey = /Bearer (cuitty_sk_\w+)/.exec(output)?.[1] ?? "";
      if (url && apiKey) resolve();
    });
  });
}, 60_000);

afterAll(async () => {
  if (server?.exitCode === null) {
    // strace would let go of the traced process and leave it running; it ends when that does.
    const traced = (await readFile(`/proc/${server.pid}/task/${server.pid}/children`, "utf8")).trim().split(" ");
    for (const pid of traced) process.kill(Number(pid), "SIGTERM");
    await new Promise((resolve) => server.once("close", resolve));
  }
  await rm(folder, { recursive: true, force: true });
});

test.skipIf(!hasStrace)(
  "between reading a request and writing its 200, the module file's log is synced",
  async () => {
    const marker = `durability-${Date.now()}`;
    const event = { type: "audit", ts: new Date().toISOString(), data: { actor: marker, action: "test", resource: "disk" } };
    const reply = await fetch(`${url}/api/ingest`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json", "x-request-id": marker },
      body: JSON.stringify({ events: [event] }),
    });
    expect(await reply.text()).toBe('{"accepted":1,"rejected":[]}');

    // strace writes with a little delay.
    await expect
      .poll(async () => (await readFile(join(folder, "calls"), "utf8")).includes('{\\"accepted\\":1,'), { timeout: 10_000 })
      .toBe(true);
    const calls = (await readFile(join(folder, "calls"), "utf8")).split("\n");
    const asked = calls.findIndex((call) => /\b(read|readv|recvfrom)(\(| resumed)/.test(call) && call.includes(marker));
    const answered = calls.findIndex(
      (call, at) => at > asked && /\b(write|writev|sendto|sendmsg)\(/.test(call) && call.includes('{\\"accepted\\":1,'),
    );
    expect(asked).toBeGreaterThan(-1);
    expect(answered).toBeGreaterThan(asked);
    const between = calls.slice(asked, answered);
    const lastIndex = (pattern: RegExp): number => between.reduce((last, call, at) => (pattern.test(call) ? at : last), -1);
    const written = lastIndex(/\bp?write(64|v)?\(\d+<[^>]*audit\.db-wal>/);
    const synced = lastIndex(/\bf(data)?sync\(\d+<[^>]*audit\.db-wal>/);
    expect(synced, "no sync of audit.db-wal before the reply").toBeGreaterThan(-1);
    expect(synced, "rows were written after the last sync").toBeGreaterThan(written);
  },
  60_000,
);
