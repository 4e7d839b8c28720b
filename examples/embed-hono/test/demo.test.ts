// The demo from the terminal: the checked pass, a second start, the printed curl command, and mistakes answered in one line.
import { execFile } from "node:child_process";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hasCommand, hasPart } from "../../../test/support/require-part.ts";
import { runDemo, startDemo } from "./run-demo.ts";

const hasShellTools = hasPart("curl", hasCommand("curl") && hasCommand("openssl", "version"), "install curl and openssl");

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "demo-test-"));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

test("--once sends, stores and streams every event exactly once, and says so", async () => {
  const { code, output, errors } = await runDemo(["--once"]);
  expect(errors).toBe("");
  const report = /^demo: (\d+) sent, (\d+) stored, (\d+) streamed, 0 lost, 0 duplicated$/m.exec(output);
  expect(report, output).not.toBeNull();
  const [sent, stored, streamed] = report!.slice(1).map(Number);
  expect(sent).toBeGreaterThanOrEqual(200);
  expect([stored, streamed]).toEqual([sent, sent]);
  expect(code).toBe(0);
}, 90_000);

test("a second start keeps data and key, and sends no commit again", async () => {
  const first = await startDemo({ DATA_DIR: dataDir });
  const key = /Bearer (cuitty_sk_\S+)"/.exec(first.output())![1]!;
  const commits = async (url: string): Promise<number> => {
    const reply = await fetch(`${url}/api/modules/repository/events?limit=500`, { headers: { authorization: `Bearer ${key}` } });
    expect(reply.status).toBe(200);
    return ((await reply.json()) as { events: unknown[] }).events.length;
  };
  expect((await stat(join(dataDir, "demo-credentials.json"))).mode & 0o777).toBe(0o600);
  await expect.poll(() => commits(first.url), { timeout: 20_000 }).toBeGreaterThan(0);
  const stopped = await first.stop();
  expect(stopped.code, stopped.output + stopped.errors).toBe(0);

  const second = await startDemo({ DATA_DIR: dataDir });
  expect(second.output()).toContain(key);
  const before = await commits(second.url);
  expect(before).toBeGreaterThan(0);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(await commits(second.url)).toBe(before);
  await second.stop("SIGTERM");
}, 90_000);

test.skipIf(!hasShellTools)(
  "the printed curl command works when pasted",
  async () => {
    const demo = await startDemo({ DATA_DIR: dataDir });
    try {
      await new Promise((resolve) => setTimeout(resolve, 200));
      const command = /\n\n(BODY=[\s\S]*?)\n\n/.exec(demo.output())![1]!;
      const { stdout } = await promisify(execFile)("sh", ["-c", command]);
      expect(stdout).toBe('{"accepted":1,"rejected":[]}');
    } finally {
      await demo.stop();
    }
  },
  60_000,
);

describe("a mistake is answered in one line that says what to do", () => {
  const oneLine = (errors: string): string => {
    const lines = errors.trimEnd().split("\n");
    expect(lines, errors).toHaveLength(1);
    return lines[0]!;
  };

  test("an unknown option", async () => {
    const { code, errors } = await runDemo(["--onec"]);
    expect(oneLine(errors)).toBe("demo: unknown option --onec; known are --once and --help");
    expect(code).toBe(1);
  });

  test("a PORT that is no port", async () => {
    expect(oneLine((await runDemo([], { PORT: "77000", DATA_DIR: dataDir })).errors)).toContain(
      'PORT must be a whole number from 0 to 65535, got "77000"',
    );
  });

  test("a port in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as { port: number };
    const { code, errors } = await runDemo([], { PORT: String(port), DATA_DIR: dataDir });
    other.close();
    expect(oneLine(errors)).toContain(`port ${port} is in use`);
    expect(code).toBe(1);
  });

  test("a data folder that cannot be one", async () => {
    const file = join(dataDir, "file");
    await writeFile(file, "");
    const { code, errors } = await runDemo([], { PORT: "0", DATA_DIR: join(file, "sub") });
    expect(oneLine(errors)).toContain("set DATA_DIR to a folder that you may write to");
    expect(code).toBe(1);
  });

  test("a data folder that another process owns", async () => {
    const demo = await startDemo({ DATA_DIR: dataDir });
    const { code, errors } = await runDemo([], { PORT: "0", DATA_DIR: dataDir });
    await demo.stop();
    expect(oneLine(errors)).toMatch(/in use|owned/);
    expect(code).toBe(1);
  });
}, 60_000);
