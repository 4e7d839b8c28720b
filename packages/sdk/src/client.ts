// The client: buffers events, hands them to plugins and to the delivery loop, and never hurts its host.
import { createBuffer } from "./buffer.ts";
import type { Core, Engine, State } from "./core.ts";
import type { HonoMiddleware } from "./hono-context.ts";
import { eventOverhead } from "./limits.ts";
import { type CuittyOptions, normalizeOptions, type Settings } from "./options.ts";
import type { CuittyPlugin, EmittedEvent, PluginContext } from "./plugin.ts";
import { createPluginHost } from "./plugin-host.ts";
import type { RequestRecorder } from "./request-recorder.ts";
import type { Runtime } from "./runtime.ts";
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
  honoMiddleware(): HonoMiddleware;
  stats(): ClientStats;
  /** Listens; returns the function that stops it. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (detail: ClientEvents[Name]) => void): () => void;
}

/** A client on a runtime. Errors: `invalid_option`, once, naming the option. */
export function createClient(options: CuittyOptions, runtime: Runtime): CuittyClient {
  const isOn = options?.enabled !== false;
  // Switched off, a client takes nothing in and never looks at its settings.
  const settings = isOn ? normalizeOptions(options) : ({} as Settings);
  const stats = createStats(settings.debug, runtime.write);
  const { counters, drops, drop, log, on } = stats;
  const buffer = createBuffer(stats, () => state.keeper?.absorb());
  const plugins = createPluginHost(stats);
  const buffered = Promise.resolve();
  const state: State = { openUntilMs: 0 };
  const pending = (): number => buffer.held.events + (state.keeper?.events ?? 0);
  const core: Core = {
    settings,
    stats,
    ...buffer,
    waiting: [],
    flying: new Set(),
    state,
    pending,
    load,
    gather: plugins.flush,
  };
  let loading: Promise<unknown> | undefined;
  let holding: Promise<unknown> | undefined;

  /** The engine is loaded by the first who needs it; one that cannot be loaded is asked for again. */
  async function load(): Promise<Engine | undefined> {
    loading ??= runtime.load().then(
      ({ createEngine }) => {
        state.engine = createEngine(core);
        state.engine.touch();
      },
      (error) => {
        loading = undefined;
        log("load failed", true, error);
      },
    );
    await loading;
    return state.engine;
  }

  function wake(): void {
    if (state.engine) state.engine.touch();
    else if (state.isStarted && !loading) void load();
  }

  const emit = (event: EmittedEvent): Promise<void> => accept(event, serializeEvent);

  function emitRaw(type: string, timestamp: string, json: string): void {
    let data: unknown;
    const event = {
      type,
      timestamp,
      get data() {
        data ??= JSON.parse(json);
        return data;
      },
    };
    accept(event, (passed) =>
      // Hooks see values, not text: where one looked at them, they go out as it left them, such as redacted.
      passed !== event || data
        ? serializeEvent(passed)
        : // Line breaks between tokens are legal JSON, but in a spool an event is one line.
          `${serializeEvent({ type: passed.type, timestamp: passed.timestamp, data: 0 }).slice(0, -2) + json.replace(/[\n\r]/g, " ")}}`,
    );
  }

  /** Counts an event and takes it in as the text that `write` makes of it. */
  function accept(event: EmittedEvent, write: typeof serializeEvent): Promise<void> {
    if (isOn) {
      let type = "unknown";
      let text = "";
      counters.emitted++;
      try {
        type = `${event.type}`;
        // Said before plugins see it, who would be blamed.
        if (event.type !== type) {
          drop("unserializable", type, "type must be given, as text");
          return buffered;
        }
        const passed = plugins.before(event);
        if (typeof passed === "string") drop(passed, type);
        else {
          text = write(passed);
          if (state.isClosed) drop("closed", passed.type);
          else add(text, passed.type);
        }
      } catch {
        // What was taken in is not counted as lost, too.
        if (!text) drop("unserializable", type);
      }
    }
    return buffered;
  }

  function add(text: string, type: string): void {
    buffer.push(text, runtime.byteLength(text) + eventOverhead, type);
    wake();
    if (settings.waitUntil && !holding) {
      // One flush at a time: it starts after what is emitted in this turn, and takes along what is emitted while it runs.
      holding = drain().then(() => {
        holding = undefined;
      });
      try {
        settings.waitUntil(holding);
      } catch (error) {
        log("waitUntil failed", true, error);
      }
    }
  }

  async function ask(name: "flush" | "drain" | "shutdown", ms: number): Promise<FlushResult> {
    if (isOn) plugins.flush();
    if (name === "shutdown") plugins.teardown();
    const engine = isOn && (await load());
    return engine ? engine[name](ms) : { sent: 0, pending: pending(), dropped: 0 };
  }

  const flush = (ms = 30_000): Promise<FlushResult> => ask("flush", ms);
  const drain = (): Promise<FlushResult> => ask("drain", 30_000);
  const shutdown = (ms = 5_000): Promise<FlushResult> => ask("shutdown", ms);

  const client: CuittyClient = {
    emit,
    flush,
    drain,
    shutdown,
    close: shutdown,
    on,
    recordRequest: plugins.request,
    // Code that only its users load, with the first request.
    honoMiddleware: () => async (context, next) => (await import("./hono-middleware.ts")).recordHonoRequests(client)(context, next),
    use(plugin) {
      if (isOn) plugins.add(plugin);
      return client;
    },
    start() {
      if (isOn && !state.isStarted && !state.isClosed) {
        state.isStarted = true;
        runtime.attach(core);
        wake();
        // Named one by one: key and secret are not for plugins.
        const { portalUrl, projectId } = settings;
        plugins.start({ portalUrl, projectId, emit, emitRaw, on, flush, debug: log, now: Date.now } as PluginContext);
      }
      return client;
    },
    stats: () => ({
      ...counters,
      drops: structuredClone(drops),
      pending: pending(),
      bytes: buffer.held.bytes,
      breaker: performance.now() < state.openUntilMs ? "open" : "closed",
    }),
  };
  return client;
}
