// The performance plugin: every 10 seconds one `performance` event with the process's own numbers.
import { hostname } from "node:os";
import type { CuittyPlugin, PluginContext } from "../plugin.ts";
import { createProcessProbe, METRIC_UNITS, type ProcessMetrics, type ProcessProbe } from "./process-probe.ts";

export interface PerformancePluginOptions {
  /** Program that is measured. @default the client's project id */
  readonly service?: string | undefined;
  /** Units: ms, at least 100. @default 10_000 */
  readonly intervalMs?: number | undefined;
  /** Such as `production`. */
  readonly environment?: string | undefined;
  /** Version of the program. */
  readonly version?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
}

// Shorter spans say little; flush and shutdown add the rest of an interval only from here on.
const shortestSpanMs = 1_000;

/**
 * Trigger: a timer (10 s) that never keeps the process alive, and `flush` or the end of the client after at least a second.
 *
 * Expected event:
 * ```json
 * { "type": "performance", "data": { "service": "api", "pid": 7, "host": "a", "intervalMs": 10000,
 *   "metrics": { "process.cpu.utilization": 0.02, "process.memory.rss": 61865984, "process.eventloop.delay.p99": 10.6, "process.gc.count": 3 },
 *   "units": { "process.cpu.utilization": "ratio", "process.memory.rss": "bytes" } } }
 * ```
 * CPU utilization is in cores (1 is one core busy); event loop delay includes the probe's own 10 ms to 20 ms. What a runtime cannot measure is left out.
 */
export function performancePlugin(options: PerformancePluginOptions = {}): CuittyPlugin {
  const intervalMs = Math.max(100, options.intervalMs ?? 10_000);
  let probe: ProcessProbe | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;
  let context: PluginContext | undefined;

  function emit(): void {
    if (probe === undefined || context === undefined) return;
    const { spanMs, metrics } = probe.read();
    const { service = context.projectId, environment, version, tags } = options;
    const measured = Object.fromEntries(Object.keys(metrics).map((name) => [name, METRIC_UNITS[name as keyof ProcessMetrics]]));
    const data = {
      service,
      pid: process.pid,
      host: hostname(),
      intervalMs: Math.round(spanMs),
      metrics,
      units: measured,
      environment,
      version,
      tags,
    };
    context.emit({ type: "performance", data });
  }

  function emitRest(): void {
    if (probe !== undefined && probe.spanMs() >= Math.min(intervalMs, shortestSpanMs)) emit();
  }

  return {
    name: "performance",
    setup(given) {
      stop();
      context = given;
      probe = createProcessProbe();
      timer = setInterval(emit, intervalMs);
      timer.unref?.();
    },
    flush: emitRest,
    teardown: stop,
  };

  function stop(): void {
    clearInterval(timer);
    probe?.close();
    probe = undefined;
    context = undefined;
  }
}
