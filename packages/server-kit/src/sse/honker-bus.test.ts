import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Bus } from "../bus.ts";
import { honkerBus } from "./honker-bus.ts";
import { createMemorySource } from "./test-tools/memory-source.ts";
import { openReader, startStreamServer, until } from "./test-tools/stream-server.ts";

const childFile = fileURLToPath(new URL("test-tools/publish-child.ts", import.meta.url));
let folder: string;
let path: string;
let bus: Bus;
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cuitty-bus-"));
  path = join(folder, "hints.db");
  bus = honkerBus({ path });
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await bus.close?.();
  rmSync(folder, { recursive: true, force: true });
});

async function otherProcess(): Promise<{ child: ChildProcess; heard: number[] }> {
  const child = fork(childFile, [path], { execArgv: ["--conditions=@cuitty/source", "--import", "tsx"] });
  children.push(child);
  const heard: number[] = [];
  await new Promise((resolve) => {
    child.on("message", (message: { heard?: number; ready?: boolean }) => {
      if (message.heard !== undefined) heard.push(message.heard);
      if (message.ready) resolve(null);
    });
  });
  return { child, heard };
}

describe("hints over a file", () => {
  test("listeners of the same process hear at once and once", async () => {
    const heard: number[] = [];
    bus.subscribe("logs:p1", ({ seq }) => heard.push(seq));
    bus.publish("logs:p1", { seq: 7 });
    expect(heard).toEqual([7]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(heard).toEqual([7]);
  });

  test("other processes hear, in both directions; hints of a moment go together", async () => {
    const { child, heard } = await otherProcess();
    const mine: number[] = [];
    bus.subscribe("logs:p1", ({ seq }) => mine.push(seq));
    child.send({ publish: 100, count: 50 });
    // The fifty are one hint, the newest.
    await until(() => mine.includes(149), 5_000);
    expect(mine.length).toBeLessThan(10);
    bus.publish("logs:p1", { seq: 5 });
    bus.publish("audit:p1", { seq: 6 });
    await until(() => heard.includes(5), 5_000);
    expect(heard.filter((seq) => seq < 100)).toEqual([5]);
  });

  test("a stream of this process is woken by a write of another, long before it would poll", async () => {
    const source = createMemorySource("logs", { ...bus, publish: () => {} });
    const server = await startStreamServer({ sources: [source], bus, pollMs: 60_000 });
    const { child } = await otherProcess();
    const reader = openReader(server.port, { path: "/?topics=logs" });
    await until(() => reader.parser.retryMs() !== null);
    source.append("p1");
    expect(reader.seqs()).toEqual([]);
    child.send({ publish: 1, count: 1 });
    await until(() => reader.seqs().length === 1, 5_000);
    reader.destroy();
    await server.close();
  });

  test("publishing never throws, also after the file was closed", async () => {
    await bus.close?.();
    expect(() => bus.publish("logs:p1", { seq: 1 })).not.toThrow();
    await new Promise((resolve) => setTimeout(resolve, 30));
    await bus.close?.();
  });
});
