// The example as a user runs it: with a portal, and with one that comes back later.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createFaultServer } from "@cuitty/sdk/testing";
import { afterEach, beforeEach, expect, test } from "vitest";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
let spool: string;

beforeEach(async () => {
  spool = await mkdtemp(join(tmpdir(), "cuitty-example-"));
});
afterEach(() => rm(spool, { recursive: true, force: true }));

async function run(url: string): Promise<string> {
  const env = { ...process.env, CUITTY_URL: url, CUITTY_PROJECT_ID: "p", CUITTY_API_KEY: "cuitty_sk_test", SPOOL_DIR: spool };
  const { stdout } = await promisify(execFile)(process.execPath, ["--conditions=@cuitty/source", "--import", "tsx", main], { env });
  return stdout.trim();
}

test("it sends its five events", async () => {
  const server = await createFaultServer();
  expect(await run(server.url)).toBe("client-node: 5 sent, 0 kept for the next start, 0 lost");
  expect(server.stored.map((event) => event.type)).toEqual(["log", "log", "log", "performance", "audit"]);
  await server.close();
});

test("while the portal is away it keeps them, and the next start sends both", async () => {
  const away = await createFaultServer();
  await away.close();
  expect(await run(away.url)).toBe("client-node: 0 sent, 5 kept for the next start, 0 lost");
  const server = await createFaultServer({ port: Number(new URL(away.url).port) });
  expect(await run(away.url)).toBe("client-node: 10 sent, 0 kept for the next start, 0 lost");
  expect(server.stored).toHaveLength(10);
  expect(server.violations).toEqual([]);
  await server.close();
});
