// The numbers of the running process: CPU, memory, event loop, garbage collection, load.
import { loadavg } from "node:os";
import * as perfHooks from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";

/** Name to unit. */
export const METRIC_UNITS = {
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

export type ProcessMetrics = Partial<Record<keyof typeof METRIC_UNITS, number>>;

/** Measures the process it runs in. */
export interface ProcessProbe {
  spanMs(): number;
  /** Numbers since the last read. */
  read(): { readonly spanMs: number; readonly metrics: ProcessMetrics };
  close(): void;
}

/** Starts measuring. */
export function createProcessProbe(): ProcessProbe {
  let atMs = performance.now();
  let cpu = process.cpuUsage();
  let loop = perfHooks.performance.eventLoopUtilization?.();
  const delay = createDelayProbe();
  const gc = createGcProbe();

  function read() {
    const spanMs = Math.max(1, performance.now() - atMs);
    const cpuSpan = process.cpuUsage(cpu);
    const nextLoop = perfHooks.performance.eventLoopUtilization?.();
    const metrics: ProcessMetrics = {
      ...cpuMetrics(cpuSpan, spanMs),
      ...memoryMetrics(),
      ...loopMetrics(nextLoop, loop),
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

/** Bun and Deno have the function, which says that no time has passed. */
function loopMetrics(next: perfHooks.EventLoopUtilization | undefined, last: perfHooks.EventLoopUtilization | undefined): ProcessMetrics {
  if (next === undefined || last === undefined) return {};
  const { active, idle, utilization } = perfHooks.performance.eventLoopUtilization(next, last);
  return active + idle > 0 ? { "process.eventloop.utilization": rounded(utilization, 4) } : {};
}

function cpuMetrics({ user, system }: NodeJS.CpuUsage, spanMs: number): ProcessMetrics {
  return {
    "process.cpu.utilization": rounded((user + system) / 1_000 / spanMs, 4),
    "process.cpu.user": rounded(user / 1_000, 1),
    "process.cpu.system": rounded(system / 1_000, 1),
  };
}

function memoryMetrics(): ProcessMetrics {
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
    read(): ProcessMetrics {
      // A loop that was blocked for the whole span has taken no sample yet.
      const hasSamples = histogram.count > 0;
      const toMs = (nanoseconds: number) => rounded(nanoseconds / 1e6, 3);
      const metrics: ProcessMetrics = hasSamples
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
  // Elsewhere it observes nothing, and says so nowhere.
  if (!PerformanceObserver.supportedEntryTypes.includes("gc")) return undefined;
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
    read(): ProcessMetrics {
      const metrics: ProcessMetrics = { "process.gc.count": count, "process.gc.duration": rounded(durationMs, 2) };
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
