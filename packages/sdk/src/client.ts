// The client: buffers events, hands them to plugins and to the delivery loop, and never hurts its host.
import type { MiddlewareHandler } from "hono";
import { eventOverhead } from "./batcher.ts";
import { createDelivery } from "./delivery.ts";
import { type CuittyOptions, normalizeOptions, type Settings } from "./options.ts";
import type { CuittyPlugin, EmittedEvent, PluginContext } from "./plugin.ts";
import { createPluginHost, pluginError } from "./plugin-host.ts";
import type { RequestRecorder } from "./request-recorder.ts";
import type { Runtime } from "./runtime.ts";
import { createSend } from "./sender.ts";
import { serializeEvent } from "./serialize.ts";
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

/** How long a burst of events is gathered before a serverless flush. Units: ms. */
const burstMs = 50;

/** A client on a runtime. Errors: `invalid_option`, once, naming the option. */
export function createClient(options: CuittyOptions, runtime: Runtime): CuittyClient {
  const isOn = options?.enabled !== false;
  // Switched off, a client takes nothing in and never looks at its settings.
  const settings = isOn ? normalizeOptions(options) : ({} as Settings);
  const stats = createStats(settings.debug, runtime.write);
  const { counters, drops, drop, debug, warn, on } = stats;
  const delivery = createDelivery(settings, stats, createSend(settings, runtime));
  const plugins = createPluginHost(stats);
  const buffered = Promise.resolve();
  let isStarted = !isOn;
  let isClosed = false;
  let isSpoolOpen = !settings.spool;
  let holding: Promise<unknown> | undefined;
  let closing: Promise<FlushResult> | undefined;
  let detach: (() => void) | undefined;

  function emit(event: EmittedEvent): Promise<void> {
    if (isOn) {
      counters.emitted++;
      let type = "unknown";
      try {
        type = `${event.type}`;
        const passed = plugins.before(event);
        if (passed) add(serializeEvent(passed), `${passed.type}`);
        else drop("plugin", type);
      } catch (error) {
        drop(error === pluginError ? "plugin_error" : "unserializable", type);
      }
    }
    return buffered;
  }

  function emitRaw(type: string, timestamp: string, json: string): void {
    // Hooks see values, not text: redaction holds for finished lines too.
    if (plugins.hasBefore()) {
      emit({ type, timestamp, data: parse(json) });
      return;
    }
    counters.emitted++;
    // Line breaks between tokens are legal JSON, but in the spool an event is one line.
    add(`{"type":${JSON.stringify(type)},"ts":${JSON.stringify(timestamp)},"data":${json.replace(/[\n\r]/g, " ")}}`, type);
  }

  function add(text: string, type: string): void {
    if (isClosed) {
      drop("closed", type);
      return;
    }
    delivery.push(text, runtime.byteLength(text) + eventOverhead, type);
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
      debug(`waitUntil threw: ${error}`);
    }
  }

  function openSpool(): void {
    if (isSpoolOpen) return;
    isSpoolOpen = true;
    try {
      delivery.useSpool(runtime.openSpool(settings, stats));
    } catch (error) {
      warn(`the spool cannot be opened: ${error}`);
    }
  }

  async function measured(work: () => Promise<void>): Promise<FlushResult> {
    const { sent, rejected, dropped } = counters;
    if (isOn) {
      plugins.flush();
      openSpool();
      await work();
    }
    return { sent: counters.sent - sent, pending: delivery.pending(), dropped: counters.dropped + counters.rejected - dropped - rejected };
  }

  const flush = (ms = 30_000): Promise<FlushResult> => measured(() => delivery.flush(ms));

  function shutdown(ms = 5_000): Promise<FlushResult> {
    closing ??= measured(async () => {
      plugins.teardown();
      await delivery.flush(ms);
      isClosed = true;
      await delivery.close();
      detach?.();
    });
    return closing;
  }

  const client: CuittyClient = {
    emit,
    flush,
    shutdown,
    close: shutdown,
    on,
    recordRequest: plugins.request,
    honoMiddleware: () => lazyHonoMiddleware(client),
    use(plugin) {
      if (isOn) plugins.add(plugin);
      return client;
    },
    start() {
      if (isStarted || closing) return client;
      isStarted = true;
      openSpool();
      detach = runtime.attach(delivery);
      delivery.start();
      const { portalUrl, projectId } = settings;
      plugins.start({ emit, emitRaw, on, portalUrl, projectId, debug, now: Date.now } as PluginContext);
      return client;
    },
    stats: () => ({
      ...counters,
      drops: structuredClone(drops),
      pending: delivery.pending(),
      bytes: delivery.bytes(),
      breaker: delivery.isOpen() ? "open" : "closed",
    }),
  };
  return client;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
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
