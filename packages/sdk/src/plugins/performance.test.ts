// The performance plugin: real numbers of this process, on a timer that holds nothing.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Value } from "@sinclair/typebox/value";
import { expect, test } from "vitest";
import { performanceSchema } from "../../../wire-protocol/src/events/performance.ts";
import { performancePlugin } from "./performance.ts";
import { createPluginHarness, testPlugin } from "./plugin-suite.ts";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

testPlugin({
  file: "performance",
  create: () => performancePlugin({ service: "api", intervalMs: 100 }),
  trigger: async () => void (await sleep(250)),
  expected: {
    type: "performance",
    data: {
      service: "api",
      pid: process.pid,
      metrics: { "process.memory.rss": expect.any(Number) },
      units: { "process.memory.rss": "bytes" },
    },
  },
});

test("the numbers are those of this process", async () => {
  const harness = createPluginHarness();
  const plugin = performancePlugin({ intervalMs: 400, environment: "test", version: "1.2.3", tags: { region: "eu" } });
  plugin.setup?.(harness.context);
  await sleep(100);
  const until = performance.now() + 150;
  while (performance.now() < until) JSON.stringify(Array.from({ length: 500 }, (_, index) => ({ index })));
  await sleep(300);
  plugin.teardown?.();
  const data = harness.events[0]?.data as { metrics: Record<string, number>; units: Record<string, string> };
  expect(Value.Check(performanceSchema, data)).toBe(true);
  expect(data).toMatchObject({ service: "proj_01", environment: "test", version: "1.2.3", tags: { region: "eu" } });
  expect(data.metrics["process.eventloop.delay.max"]).toBeGreaterThan(100);
  expect(data.metrics["process.eventloop.utilization"]).toBeGreaterThan(0.1);
  expect(data.metrics["process.cpu.utilization"]).toBeGreaterThan(0.05);
  expect(data.metrics["process.gc.count"]).toBeGreaterThan(0);
  expect(Object.keys(data.units)).toEqual(Object.keys(data.metrics));
  expect(Object.values(data.metrics).every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
});

test("flush adds the rest of an interval, and not twice the same moment", async () => {
  const harness = createPluginHarness();
  const plugin = performancePlugin();
  plugin.setup?.(harness.context);
  plugin.flush?.();
  expect(harness.events).toHaveLength(0);
  await sleep(1_050);
  plugin.flush?.();
  plugin.flush?.();
  plugin.teardown?.();
  expect(harness.events).toHaveLength(1);
  expect(harness.events[0]?.data.intervalMs).toBeGreaterThanOrEqual(1_000);
});

test("a process with the plugin running ends by itself", () => {
  const path = fileURLToPath(new URL("./performance.ts", import.meta.url));
  const script = `const { performancePlugin } = await import(${JSON.stringify(path)});
    performancePlugin().setup({ emit() {}, projectId: "p" });`;
  const startedAt = performance.now();
  const child = spawnSync(process.execPath, ["--conditions=@cuitty/source", "--import", "tsx", "--input-type=module", "-e", script], {
    timeout: 20_000,
  });
  expect(child.status).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(8_000);
});
