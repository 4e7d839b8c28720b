// The logs plugin: lines of an existing pino logger (or of the console) as `log` events, without a worker and without parsing them again.
import type { CuittyPlugin, PluginContext } from "../plugin.ts";
import { ingestPathOf } from "./ingest-path.ts";
import { type LevelName, levelNumber } from "./log-level.ts";
import { createLineMapper, type LineFacts, type LineMapper } from "./log-line.ts";
import { assertPino, type PinoLogger, symbolOf, teePino } from "./pino-tee.ts";

export { type ConsolePluginOptions, consolePlugin } from "./console-tee.ts";

export interface LogStreamOptions {
  /** Lowest level that is sent: a name, one of your own levels, or a number. The logger's own level applies first. @default "info" */
  readonly minLevel?: LevelName | (string & {}) | number;
  /** Service of lines that carry neither `service` nor pino's `name`. */
  readonly service?: string;
  /** Key of the message in a line. @default the logger's own, else "msg" */
  readonly messageKey?: string;
}

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
 * Redaction of the logger has been applied by then. Errors: `invalid_option` when `logger` is not pino's.
 */
export function logsPlugin(options: LogsPluginOptions): CuittyPlugin {
  assertPino(options.logger);
  let stop: (() => void) | undefined;
  return {
    name: "logs",
    setup(context) {
      stop?.();
      const feed = createFeed(context, options);
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
  const factsOf = createFactsReader(options);
  let feed: Feed | undefined;
  let waiting: [string, LineFacts][] | undefined = [];

  client.use({
    name: "logs-stream",
    setup(context) {
      feed = createFeed(context, options);
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

type Feed = (line: string, facts: LineFacts) => void;

/** Maps lines and hands them on; never throws, and a line that is written because of a line is not sent. */
function createFeed(context: PluginContext, options: LogStreamOptions): Feed {
  const map = mapperFor(options, context);
  let isInside = false;
  return (line, facts) => {
    if (isInside) return;
    isInside = true;
    try {
      const event = map(line, facts);
      if (event !== undefined) context.emitRaw("log", event.timestamp, event.dataJson);
    } catch (error) {
      context.debug(`logs: a line was left out (${error instanceof Error ? error.name : typeof error})`);
    } finally {
      isInside = false;
    }
  };
}

function mapperFor(options: LogStreamOptions, context: PluginContext): LineMapper {
  const { service, messageKey } = options;
  const ingestPath = ingestPathOf(context.portalUrl);
  const logger = (options as Partial<LogsPluginOptions>).logger as { levels?: { values?: Record<string, number> } } | undefined;
  return createLineMapper({ minLevel: minLevelOf(options.minLevel, logger), service, messageKey, ingestPath, now: context.now });
}

function minLevelOf(minLevel: LogStreamOptions["minLevel"], logger: { levels?: { values?: Record<string, number> } } | undefined): number {
  if (typeof minLevel === "number") return minLevel;
  const name = minLevel ?? "info";
  return logger?.levels?.values?.[name] ?? levelNumber(name) ?? 30;
}

/** Reads what only the logger knows: the label of a custom level and the key of the message. */
function createFactsReader(options: LogStreamOptions): (level: number | undefined, logger: object | undefined) => LineFacts {
  let keySymbol: symbol | undefined;

  function messageKeyOf(logger: object): string | undefined {
    // One symbol serves all loggers of one copy of pino, so it is looked up once.
    if (keySymbol === undefined || !(keySymbol in logger)) keySymbol = symbolOf(logger, "pino.messageKey");
    const key = keySymbol === undefined ? undefined : (logger as Record<symbol, unknown>)[keySymbol];
    return typeof key === "string" ? key : undefined;
  }

  return (level, logger) => {
    if (logger === undefined) return { level };
    const messageKey = options.messageKey ?? messageKeyOf(logger);
    const label = level === undefined ? undefined : (logger as { levels?: { labels?: Record<number, string> } }).levels?.labels?.[level];
    return { level, label, messageKey };
  };
}
