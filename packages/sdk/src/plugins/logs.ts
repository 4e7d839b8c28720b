// The logs plugin: lines of an existing pino logger (or of the console) as `log` events, without a worker and without parsing them again.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { CuittyPlugin } from "../plugin.ts";
import { createFactsReader, createLineFeed, type Feed, type LogStreamOptions, minLevelOf } from "./line-feed.ts";
import type { LineFacts } from "./log-line.ts";
import { assertPino, type PinoLogger, teePino } from "./pino-tee.ts";

export { type ConsolePluginOptions, consolePlugin } from "./console-tee.ts";
export type { LogStreamOptions } from "./line-feed.ts";
export type { LevelName } from "./log-level.ts";
export type { PinoLogger } from "./pino-tee.ts";

/** Whose lines are sent, and which. */
export interface LogsPluginOptions extends LogStreamOptions {
  /** A pino logger; it and all its children are listened to, their own destination stays as it is. The `pino` function stands for all its loggers. */
  readonly logger: PinoLogger;
}

/**
 * Trigger: each line that the logger writes while the client runs, at `minLevel` or above.
 *
 * Expected event, for `pino({ base: null }).child({ module: "api" }).info({ requestId: "abc" }, "request processed")`:
 * ```json
 * { "type": "log", "data": { "level": "info", "message": "request processed", "module": "api", "fields": { "requestId": "abc" } } }
 * ```
 * `hostname` becomes `host`, `name` the service, `trace_id` and `span_id` the trace; everything else stays in `fields`, byte for byte.
 * Redaction of the logger has been applied by then. Errors: `invalid_option` when `logger` is not pino's, `minLevel` is no level, or for a name that is
 * no option.
 */
export function logsPlugin(options: LogsPluginOptions): CuittyPlugin {
  assertPino(options?.logger);
  assertNames("logsPlugin", options, ["logger", ...streamOptions]);
  // Here, so that a wrong name is an error of the call and not a line that is missing later.
  minLevelOf(options.minLevel, options.logger);
  let stop: (() => void) | undefined;
  return {
    name: "logs",
    setup(context) {
      stop?.();
      const feed = createLineFeed(context, options);
      const factsOf = createFactsReader(options);
      stop = teePino(options.logger, (line, level, logger) => feed(line, factsOf(level, logger)));
    },
    teardown() {
      stop?.();
      stop = undefined;
    },
  };
}

/** A destination for `pino.multistream`. */
export interface CuittyLogStream {
  write(line: string): void;
}

const maxWaitingLines = 1_000;

/**
 * A destination to use beside others; lines written before `client.start()` wait, at most 1,000.
 *
 * ```ts
 * pino({}, pino.multistream([{ stream: process.stdout }, { level: "info", stream: cuittyStream(cuitty) }]));
 * ```
 */
export function cuittyStream(client: { use(plugin: CuittyPlugin): unknown }, options: LogStreamOptions = {}): CuittyLogStream {
  assertNames("cuittyStream", options, streamOptions);
  minLevelOf(options.minLevel);
  const factsOf = createFactsReader(options);
  let feed: Feed | undefined;
  let waiting: [string, LineFacts][] | undefined = [];

  client.use({
    name: "logs-stream",
    setup(context) {
      feed = createLineFeed(context, options);
      for (const [line, facts] of waiting ?? []) feed(line, facts);
      waiting = undefined;
    },
    teardown() {
      feed = undefined;
      waiting = undefined;
    },
  });

  const stream = {
    // Asks pino for the level of each line, so that it need not be read from the text.
    [Symbol.for("pino.metadata")]: true,
    lastLevel: undefined as unknown,
    lastLogger: undefined as object | undefined,
    write(line: string) {
      const facts = factsOf(typeof stream.lastLevel === "number" ? stream.lastLevel : undefined, stream.lastLogger);
      if (feed !== undefined) feed(line, facts);
      else if (waiting !== undefined && waiting.length < maxWaitingLines) waiting.push([line, facts]);
    },
  };
  return stream;
}

const streamOptions: readonly (keyof LogStreamOptions)[] = ["minLevel", "service", "messageKey"];

/** A name that is misspelt (`level` for `minLevel`) must not be lines that are missing later. */
function assertNames(factory: string, options: object, names: readonly string[]): void {
  const option = Object.keys(options).find((name) => !names.includes(name));
  if (option === undefined) return;
  throw new CuittyError("invalid_option", `${factory}: ${option} is no option; expected ${names.join(", ")}`, { details: { option } });
}
