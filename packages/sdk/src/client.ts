// The client: buffers events, hands them to plugins and to the delivery loop, and never hurts its host.
import type { MiddlewareHandler } from "hono";
import { eventOverheadBytes } from "./batcher.ts";
import { createDelivery } from "./delivery.ts";
import { createDisabledClient } from "./disabled-client.ts";
import { createLedger } from "./ledger.ts";
import { type CuittyOptions, normalizeOptions, type Settings } from "./options.ts";
import type { CuittyPlugin, EmittedEvent, PluginContext } from "./plugin.ts";
import { createPluginHost, pluginError } from "./plugin-host.ts";
import type { RequestRecorder } from "./request-recorder.ts";
import type { Runtime } from "./runtime.ts";
import { createSender } from "./sender.ts";
import { serializeEvent } from "./serialize.ts";
import type { SpoolOption } from "./spool.ts";
import { type ClientEvents, type ClientStats, createStats } from "./stats.ts";

/** What a flush came to. Counts are events, since the call; `dropped` includes those the server refused. */
export interface FlushResult {
  readonly sent: number;
  /** Still held, in memory or in the spool. */
  readonly pending: number;
  readonly dropped: number;
}

/** A client. After creation nothing in it throws or rejects. */
export interface CuittyClient extends RequestRecorder {
  use(plugin: CuittyPlugin): CuittyClient;
  /** Lets timers, plugins and exit handling run. Events emitted before wait for it. */
  start(): CuittyClient;
  /** Buffers an event as it is now. The promise is resolved already: it means "buffered". */
  emit(event: EmittedEvent): Promise<void>;
  /** Sends everything now. Resolves when it is settled, when the server cannot be reached, or after `ms`. @default 30000 */
  flush(ms?: number): Promise<FlushResult>;
  /** Flushes, then ends requests, timers and plugins. What is left goes to the spool, else it is counted as dropped. Units: ms. @default 5000 */
  shutdown(ms?: number): Promise<FlushResult>;
  /** Same as `shutdown`. */
  close(ms?: number): Promise<FlushResult>;
  /** Middleware for Hono that runs the plugins' request hooks, such as auditPlugin's. */
  honoMiddleware(): MiddlewareHandler;
  stats(): ClientStats;
  /** Listens; returns the function that stops it. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (detail: ClientEvents[Name]) => void): () => void;
}

const buffered = Promise.resolve();
/** How long a burst of events is gathered before a serverless flush. */
const burstMs = 50;

/** A client on a runtime. Errors: `invalid_option`, once, naming the option. */
export function createClient(options: CuittyOptions, runtime: Runtime): CuittyClient {
  return options?.enabled === false ? createDisabledClient() : createEnabledClient(normalizeOptions(options), runtime);
}

function createEnabledClient(settings: Settings, runtime: Runtime): CuittyClient {
  const stats = createStats(settings.debug, runtime.write);
  const { counters } = stats;
  const ledger = createLedger(stats, settings.wal);
  const sender = createSender(settings, runtime);
  const delivery = createDelivery({ settings, stats, ledger, sender });
  const plugins = createPluginHost(stats);
  let isStarted = false;
  let isClosed = false;
  let isOpened = false;
  let holding: Promise<unknown> | undefined;
  let closing: Promise<FlushResult> | undefined;
  let detach: (() => void) | undefined;

  function emit(event: EmittedEvent): Promise<void> {
    counters.emitted++;
    let type = "unknown";
    try {
      type = `${event.type}`;
      const passed = plugins.hasBefore ? plugins.before(event) : event;
      if (!passed) stats.drop("plugin", type);
      else add(serializeEvent(passed), `${passed.type}`);
    } catch (error) {
      stats.drop(error === pluginError ? "plugin_error" : "unserializable", type);
    }
    return buffered;
  }

  function emitRaw(type: string, timestamp: string, dataJson: string): void {
    try {
      // Hooks see values, not text: redaction holds for finished lines too.
      if (plugins.hasBefore) return void emit({ type, timestamp, data: JSON.parse(dataJson) });
      counters.emitted++;
      // Line breaks between tokens are legal JSON, but in the spool an event is one line.
      const data = /[\n\r]/.test(dataJson) ? dataJson.replace(/[\n\r]+/g, " ") : dataJson;
      add(`{"type":${JSON.stringify(type)},"ts":${JSON.stringify(timestamp)},"data":${data}}`, type);
    } catch {
      if (plugins.hasBefore) counters.emitted++;
      stats.drop("unserializable", type);
    }
  }

  function add(text: string, type: string): void {
    if (isClosed) {
      stats.drop("closed", type);
      return;
    }
    ledger.add(text, runtime.byteLength(text) + eventOverheadBytes, type);
    delivery.touch();
    if (settings.waitUntil) holdRequest(settings.waitUntil);
  }

  /** Asks a serverless platform to wait until what was emitted in this burst is sent. */
  function holdRequest(waitUntil: (promise: Promise<unknown>) => void): void {
    if (holding) return;
    holding = new Promise((resolve) => setTimeout(resolve, burstMs)).then(() => {
      holding = undefined;
      return flush();
    });
    try {
      waitUntil(holding);
    } catch (error) {
      stats.debug(`waitUntil threw: ${String(error)}`);
    }
  }

  function openSpool(): void {
    if (isOpened || settings.spool === undefined) return;
    isOpened = true;
    ledger.useSpool(() => runtime.openSpool(settings.spool as SpoolOption));
  }

  async function measured(work: () => Promise<void>): Promise<FlushResult> {
    const { sent, rejected, dropped } = counters;
    plugins.flush();
    openSpool();
    await work();
    return { sent: counters.sent - sent, pending: ledger.pending, dropped: counters.dropped + counters.rejected - dropped - rejected };
  }

  const flush = (ms = 30_000): Promise<FlushResult> => measured(() => delivery.flush(ms));

  function shutdown(ms = 5_000): Promise<FlushResult> {
    closing ??= measured(async () => {
      plugins.teardown();
      await delivery.flush(ms);
      isClosed = true;
      delivery.close();
      await ledger.close();
      detach?.();
    });
    return closing;
  }

  const client: CuittyClient = {
    use(plugin) {
      plugins.add(plugin);
      return client;
    },
    start() {
      if (isStarted || isClosed) return client;
      isStarted = true;
      openSpool();
      sender.warmUp();
      detach = runtime.attach({ pending: () => ledger.pending, flush: delivery.flush, interrupt: delivery.interrupt, spill: ledger.spill });
      delivery.start();
      plugins.start(pluginContext());
      return client;
    },
    emit,
    flush,
    shutdown,
    close: shutdown,
    recordRequest: plugins.request,
    honoMiddleware: () => lazyHonoMiddleware(client),
    stats: () => ({
      ...counters,
      drops: structuredClone(stats.drops),
      pending: ledger.pending,
      bytes: ledger.bytes,
      breaker: delivery.isOpen ? "open" : "closed",
    }),
    on: stats.on,
  };

  const pluginContext = (): PluginContext => ({
    emit: (event) => void emit(event),
    emitRaw,
    on: stats.on as PluginContext["on"],
    portalUrl: settings.portalUrl,
    projectId: settings.projectId,
    debug: stats.debug,
    now: Date.now,
  });

  return client;
}

/** The middleware is code that only its users load: with the first request. */
function lazyHonoMiddleware(client: CuittyClient): MiddlewareHandler {
  let loading: Promise<MiddlewareHandler | undefined> | undefined;
  return async (context, next) => {
    loading ??= import("./hono.ts").then(
      ({ createHonoMiddleware }) => createHonoMiddleware(client),
      () => undefined,
    );
    const handler = await loading;
    return handler ? handler(context, next) : next();
  };
}
