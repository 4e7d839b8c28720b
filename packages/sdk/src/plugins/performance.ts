// The performance plugin: every 10 seconds one `performance` event with the process's own numbers.
import { hostname, loadavg } from "node:os";
import * as perfHooks from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import type { CuittyPlugin, PluginContext } from "../plugin.ts";

export interface PerformancePluginOptions {
  /** Program that is measured. @default the client's project id */
  readonly service?: string;
  /** Units: ms, at least 100. @default 10_000 */
  readonly intervalMs?: number;
  /** Such as `production`. */
  readonly environment?: string;
  /** Version of the program. */
  readonly version?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

const units = {
  "process.cpu.utilization": "ratio",
  "process.cpu.user": "ms",
  "process.cpu.system": "ms",
  "process.memory.rss": "bytes",
  "process.memory.heap_used": "bytes",
  "process.memory.heap_total": "bytes",
  "process.memory.heap_limit": "bytes",
  "process.memory.external": "bytes",
  "process.memory.array_buffers": "bytes",
  "process.eventloop.utilization": "ratio",
  "process.eventloop.delay.mean": "ms",
  "process.eventloop.delay.p50": "ms",
  "process.eventloop.delay.p99": "ms",
  "process.eventloop.delay.max": "ms",
  "process.gc.count": "count",
  "process.gc.duration": "ms",
  "process.uptime": "s",
  "system.load1": "count",
} as const;

type Metrics = Partial<Record<keyof typeof units, number>>;

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
  let probe: Probe | undefined;
  let timer: ReturnType<typeof setInterval> | undefined;
  let context: PluginContext | undefined;

  function emit(): void {
    if (probe === undefined || context === undefined) return;
    const { spanMs, metrics } = probe.read();
    const { service = context.projectId, environment, version, tags } = options;
    const measured = Object.fromEntries(Object.keys(metrics).map((name) => [name, units[name as keyof typeof units]]));
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
      probe = createProbe();
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

interface Probe {
  spanMs(): number;
  /** Numbers since the last read. */
  read(): { readonly spanMs: number; readonly metrics: Metrics };
  close(): void;
}

function createProbe(): Probe {
  let atMs = performance.now();
  let cpu = process.cpuUsage();
  let loop = perfHooks.performance.eventLoopUtilization?.();
  const delay = createDelayProbe();
  const gc = createGcProbe();

  function read() {
    const spanMs = Math.max(1, performance.now() - atMs);
    const cpuSpan = process.cpuUsage(cpu);
    const nextLoop = perfHooks.performance.eventLoopUtilization?.();
    const metrics: Metrics = {
      ...cpuMetrics(cpuSpan, spanMs),
      ...memoryMetrics(),
      ...(loop && nextLoop
        ? { "process.eventloop.utilization": rounded(perfHooks.performance.eventLoopUtilization(nextLoop, loop).utilization, 4) }
        : undefined),
      ...delay?.read(),
      ...gc?.read(),
      "process.uptime": rounded(process.uptime(), 1),
      "system.load1": rounded(loadavg()[0] ?? 0, 2),
    };
    atMs = performance.now();
    cpu = process.cpuUsage();
    loop = nextLoop;
    return { spanMs, metrics };
  }

  return {
    spanMs: () => performance.now() - atMs,
    read,
    close() {
      delay?.close();
      gc?.close();
    },
  };
}

function cpuMetrics({ user, system }: NodeJS.CpuUsage, spanMs: number): Metrics {
  return {
    "process.cpu.utilization": rounded((user + system) / 1_000 / spanMs, 4),
    "process.cpu.user": rounded(user / 1_000, 1),
    "process.cpu.system": rounded(system / 1_000, 1),
  };
}

function memoryMetrics(): Metrics {
  const { rss, heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
  return {
    "process.memory.rss": rss,
    "process.memory.heap_used": heapUsed,
    "process.memory.heap_total": heapTotal,
    "process.memory.heap_limit": getHeapStatistics().heap_size_limit,
    "process.memory.external": external,
    "process.memory.array_buffers": arrayBuffers,
  };
}

// Resolution 20 ms: at 1 ms the probe itself would wake an idle process a thousand times a second (nodejs/node 56064).
function createDelayProbe() {
  const histogram = attempt(() => perfHooks.monitorEventLoopDelay({ resolution: 20 }));
  if (histogram === undefined) return undefined;
  histogram.enable();
  return {
    read(): Metrics {
      // A loop that was blocked for the whole span has taken no sample yet.
      const hasSamples = histogram.count > 0;
      const toMs = (nanoseconds: number) => rounded(nanoseconds / 1e6, 3);
      const metrics: Metrics = hasSamples
        ? {
            "process.eventloop.delay.mean": toMs(histogram.mean),
            "process.eventloop.delay.p50": toMs(histogram.percentile(50)),
            "process.eventloop.delay.p99": toMs(histogram.percentile(99)),
            "process.eventloop.delay.max": toMs(histogram.max),
          }
        : {};
      histogram.reset();
      return metrics;
    },
    close: () => void histogram.disable(),
  };
}

function createGcProbe() {
  let count = 0;
  let durationMs = 0;
  const observer = attempt(() => {
    const created = new perfHooks.PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        count += 1;
        durationMs += entry.duration;
      }
    });
    created.observe({ entryTypes: ["gc"] });
    return created;
  });
  if (observer === undefined) return undefined;
  return {
    read(): Metrics {
      const metrics: Metrics = { "process.gc.count": count, "process.gc.duration": rounded(durationMs, 2) };
      count = 0;
      durationMs = 0;
      return metrics;
    },
    close: () => observer.disconnect(),
  };
}

// Bun and Deno lack some of these: then the metric is left out.
function attempt<Value>(create: () => Value): Value | undefined {
  try {
    return create();
  } catch {
    return undefined;
  }
}

function rounded(value: number, digits: number): number {
  return Number.isFinite(value) ? Number(value.toFixed(digits)) : 0;
}
