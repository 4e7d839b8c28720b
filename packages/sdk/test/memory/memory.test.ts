// A million events while the server is dead, in a process with 64 MB of heap.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createFaultServer } from "@cuitty/sdk/testing";
import { expect, test } from "vitest";

const child = fileURLToPath(new URL("child.ts", import.meta.url));

test("1,000,000 emits at a dead server stay under 8 MiB held and 64 MB of heap, and every one is counted", {
  timeout: 120_000,
}, async () => {
  const away = await createFaultServer();
  await away.close();
  const args = ["--max-old-space-size=64", "--conditions=@cuitty/source", "--import", "tsx", child, away.url];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const { emitted, dropped, maxBytes, ...rest } = JSON.parse(stdout);
  expect({ emitted, dropped, ...rest }).toEqual({ emitted: 1_000_000, dropped: 1_000_000, sent: 0, rejected: 0, pending: 0 });
  expect(maxBytes).toBeLessThanOrEqual(8 * 2 ** 20);
});
