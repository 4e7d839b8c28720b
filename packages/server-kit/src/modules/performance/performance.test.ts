import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type EventPage, type ModuleBench, openModuleBench } from "../shared/test-tools/module-bench.ts";
import { performance } from "./performance.ts";

let bench: ModuleBench;
beforeEach(async () => {
  bench = await openModuleBench(performance());
});
afterEach(() => bench.close());

const list = async (query: object = {}): Promise<unknown[]> =>
  (await bench.call<EventPage>("listMeasurements", "p1", { query })).events.map(
    ({ data }) => data.metric ?? Object.keys(data.metrics as object).join(),
  );

describe("the performance module", () => {
  test("takes single metrics and snapshots, and finds a metric in both", async () => {
    await bench.send("p1", [
      { service: "api", metric: "p99_latency", value: 142.3, unit: "ms" },
      { service: "api", process: "web-1", metrics: { rss: 1e8, "odd.name\"'$": 2 } },
      { service: "jobs", metric: "rss", value: 5 },
    ]);
    expect(await list()).toEqual(["rss", `rss,odd.name"'$`, "p99_latency"]);
    expect(await list({ service: "api" })).toEqual([`rss,odd.name"'$`, "p99_latency"]);
    expect(await list({ metric: "rss" })).toEqual(["rss", `rss,odd.name"'$`]);
    expect(await list({ metric: `odd.name"'$` })).toEqual([`rss,odd.name"'$`]);
    expect(await list({ process: "web-1", metric: "rss" })).toEqual([`rss,odd.name"'$`]);
    expect(await bench.file.all("SELECT service, metric, value, unit FROM performance_events ORDER BY seq")).toEqual([
      ["api", "p99_latency", 142.3, "ms"],
      ["api", null, null, null],
      ["jobs", "rss", 5, null],
    ]);
  });

  test("a row whose JSON was damaged in the file hides no other from a filter", async () => {
    await bench.send("p1", [
      { service: "api", metrics: { rss: 1 } },
      { service: "api", metrics: { rss: 2 } },
    ]);
    await bench.file.transact((tx) => tx.run("UPDATE performance_events SET data = '{' WHERE seq = 1"));
    expect(await list({ metric: "rss" })).toEqual(["rss"]);
  });
});
