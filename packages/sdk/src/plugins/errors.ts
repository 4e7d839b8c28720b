// The errors plugin: exceptions as `error` events, those the app catches and those it does not, without changing what becomes of them.
import type { CuittyPlugin, PluginContext, RequestRecord } from "../plugin.ts";
import { type ErrorShape, readError } from "./errors/error-data.ts";
import { createRepeatGuard, type RepeatGuard } from "./errors/repeat-guard.ts";
import { onUncaught } from "./errors/uncaught.ts";

/** What the app knows about one error. */
export interface ErrorContext {
  /** @default "error" */
  readonly level?: "error" | "warning" | "fatal" | undefined;
  readonly request?: Readonly<Record<string, unknown>> | undefined;
  readonly user?: Readonly<Record<string, unknown>> | undefined;
  /** Anything else worth keeping. */
  readonly context?: Readonly<Record<string, unknown>> | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Groups errors that would be apart, or the other way round. */
  readonly fingerprint?: string | readonly string[] | undefined;
  readonly traceId?: string | undefined;
  readonly spanId?: string | undefined;
}

export interface ErrorsPluginOptions {
  readonly release?: string | undefined;
  readonly environment?: string | undefined;
  readonly service?: string | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Listens for uncaught exceptions and unhandled rejections. @default true */
  readonly captureUncaught?: boolean | undefined;
  /** Equal errors within this time are counted instead of sent. Units: ms; 0 sends all. @default 60_000 */
  readonly repeatWindowMs?: number | undefined;
}

/** The plugin, and the errors that the app has caught itself. */
export interface ErrorsPlugin extends CuittyPlugin {
  /** Sends an error the app has caught. The same object is sent once, however often it passes by. Never throws. */
  captureException(error: unknown, context?: ErrorContext): void;
}

/**
 * Trigger: `captureException`, an uncaught exception, an unhandled rejection, and in Hono a request that ended with 500 or more because of one.
 *
 * Expected event, for `captureException(new TypeError("no user", { cause: new Error("no session") }))`:
 * ```json
 * { "type": "error", "data": { "name": "TypeError", "message": "no user", "stack": "TypeError: no user\n    at ...", "handled": true, "level": "error",
 *   "cause": { "name": "Error", "message": "no session" }, "release": "portal@0.3.0", "environment": "production" } }
 * ```
 * A process that would have ended still ends, with the same code and the same output on stderr. Repeats within a minute are counted into `repeats`.
 */
export function errorsPlugin(options: ErrorsPluginOptions = {}): ErrorsPlugin {
  const { release, environment, service, tags, captureUncaught = true, repeatWindowMs = 60_000 } = options;
  let context: PluginContext | undefined;
  let guard: RepeatGuard<Data> | undefined;
  let stop: (() => void) | undefined;
  let seen = new WeakSet<object>();

  function capture(thrown: unknown, handled: boolean, given: ErrorContext): void {
    if (context === undefined || guard === undefined) return;
    try {
      if (typeof thrown === "object" && thrown !== null) {
        // Caught, sent and thrown on: it is one error.
        if (seen.has(thrown)) return;
        seen.add(thrown);
      }
      const { level = "error", tags: ownTags, ...rest } = given;
      const allTags = tags === undefined && ownTags === undefined ? undefined : { ...tags, ...ownTags };
      const data = { ...readError(thrown), handled, level, release, environment, service, ...rest, tags: allTags };
      if (repeatWindowMs <= 0 || guard.pass(fingerprintOf(data), data, context.now())) context.emit({ type: "error", data });
    } catch (error) {
      context.debug(`errors: an error could not be read (${error instanceof Error ? error.name : typeof error})`);
    }
  }

  function sendRepeats(data: Data, repeats: number): void {
    context?.emit({ type: "error", data: { ...data, repeats } });
  }

  return {
    name: "errors",
    captureException: (error, given = {}) => capture(error, true, given),
    setup(given) {
      stop?.();
      context = given;
      seen = new WeakSet();
      guard = createRepeatGuard(repeatWindowMs, sendRepeats);
      stop = captureUncaught ? onUncaught((thrown, isFatal) => capture(thrown, false, { level: isFatal ? "fatal" : "error" })) : undefined;
    },
    request(record) {
      const error = (record.context as { error?: unknown } | null | undefined)?.error;
      if (error !== undefined && error !== null && record.statusCode >= 500) capture(error, false, { request: requestOf(record) });
    },
    flush: () => guard?.drain(sendRepeats),
    teardown() {
      guard?.drain(sendRepeats);
      stop?.();
      stop = undefined;
      context = undefined;
      guard = undefined;
    },
  };
}

type Data = ErrorShape & Omit<ErrorContext, "tags"> & Readonly<Record<string, unknown>>;

function requestOf({ method, path, route, statusCode }: RequestRecord) {
  return { method, path, route, statusCode };
}

/** Equal place and equal text, numbers aside: an id in a message does not make it another error. */
function fingerprintOf(data: Data): string {
  if (data.fingerprint !== undefined) return JSON.stringify(data.fingerprint);
  const frames = (data.stack ?? "")
    .split("\n")
    .filter((line) => /^\s*at |@/.test(line))
    .slice(0, 3);
  return [data.name, data.message.slice(0, 200).replace(/\d+/g, "0"), ...frames].join("\n");
}
