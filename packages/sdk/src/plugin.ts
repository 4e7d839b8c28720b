// The plugin contract: small objects that watch, change or add events, and can never hurt the host.

/** An event as given to `emit`. `timestamp` is RFC 3339 or a Date; `data` is serialised at once. */
export interface EmittedEvent {
  readonly type: string;
  readonly timestamp?: string | Date | undefined;
  readonly data: unknown;
}

/** What a finished HTTP request looked like to the middleware, for `request` hooks. No query string, no credential. */
export interface RequestRecord {
  readonly method: string;
  /** Path without query. */
  readonly path: string;
  /** Route pattern such as `/notes/:id`, when the framework knows it. */
  readonly route?: string;
  readonly statusCode: number;
  /** Units: ms. */
  readonly durationMs: number;
  readonly ip?: string;
  readonly userAgent?: string;
  readonly startedAtMs: number;
  /** The client went away before the whole response was sent, where the framework can tell. */
  readonly isAborted?: boolean;
  /** The framework's own context (Hono `c`, Express `{ req, res }`), for resolvers; never serialised. */
  readonly context: unknown;
}

/** What a plugin may use; everything in it is safe to call at any time and never throws. */
export interface PluginContext {
  emit(event: EmittedEvent): void;
  /** Takes `data` as finished JSON text, for producers that already have it. */
  emitRaw(type: string, timestamp: string, dataJson: string): void;
  on(event: "drop" | "retry" | "sent" | "breaker", listener: (detail: unknown) => void): () => void;
  /** Base URL the client sends to, so that a plugin can leave its own traffic out. */
  readonly portalUrl: string;
  readonly projectId: string;
  /** One line to stderr when `debug` is set. */
  debug(message: string): void;
  now(): number;
  /** The client's own flush, for plugins that must know whether their events have arrived. Never rejects. */
  flush?(): Promise<{ readonly sent: number; readonly pending: number; readonly dropped: number }>;
}

/**
 * A plugin. A hook that throws is counted; after 10 throws the plugin is switched off with one warning. An event whose `before` hook threw is left
 * out (reason `plugin_error`): it may not have been redacted.
 */
export interface CuittyPlugin {
  readonly name: string;
  /** Never switched off: while its `before` throws, events are left out. For redaction. @default false */
  readonly failClosed?: boolean;
  /** Called once, by `start`. */
  setup?(context: PluginContext): void;
  /** Called for every event before it is serialised, also while `shutdown` waits; returns the event (changed or not, no promise) or null to leave it out. */
  before?(event: EmittedEvent): EmittedEvent | null;
  /** Called by the Hono and Express middleware after each request. */
  request?(record: RequestRecord): void;
  /** Called by `flush` before sending, and when the process or the page ends, so that aggregates can be emitted. */
  flush?(): void;
  /** Called by `shutdown`, in reverse order of `use`. */
  teardown?(): void;
}
