// From finished lines of a logger to events of a client; shared by the logs plugin, its stream and its transport.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { PluginContext } from "../plugin.ts";
import { ingestPathOf } from "./ingest-path.ts";
import { type LevelName, levelNumber } from "./log-level.ts";
import { createLineMapper, type LineFacts, type LineMapper } from "./log-line.ts";
import { symbolOf } from "./pino-tee.ts";

export interface LogStreamOptions {
  /** Lowest level that is sent: a name, one of your own levels, or a number. The logger's own level applies first. @default "info" */
  readonly minLevel?: LevelName | (string & {}) | number | undefined;
  /** Service of lines that carry neither `service` nor pino's `name`. */
  readonly service?: string | undefined;
  /** Key of the message in a line. @default the logger's own, else "msg" */
  readonly messageKey?: string | undefined;
}

/** Takes a line and what its logger says about it. */
export type Feed = (line: string, facts: LineFacts) => void;

/** Maps lines and hands them on; never throws, and a line that is written because of a line is not sent. */
export function createLineFeed(context: PluginContext, options: LogStreamOptions): Feed {
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
  const { logger } = options as { readonly logger?: LoggerLevels };
  return createLineMapper({ minLevel: minLevelOf(options.minLevel, logger), service, messageKey, ingestPath, now: context.now });
}

interface LoggerLevels {
  readonly levels?: { readonly values?: Readonly<Record<string, number>> };
}

/** Number of the lowest level. Errors: `invalid_option` for a name that neither pino nor the logger knows. */
export function minLevelOf(minLevel: LogStreamOptions["minLevel"], logger?: LoggerLevels): number {
  if (typeof minLevel === "number") return minLevel;
  const name = minLevel ?? "info";
  const number = logger?.levels?.values?.[name] ?? levelNumber(name);
  if (number !== undefined) return number;
  throw new CuittyError(
    "invalid_option",
    "logs: minLevel: expected trace, debug, info, warn, error, fatal, a level of the logger's own, or a number",
    {
      details: { option: "minLevel" },
    },
  );
}

/** Reads what only the logger knows: the label of a custom level and the key of the message. */
export function createFactsReader(options: LogStreamOptions): (level: number | undefined, logger: object | undefined) => LineFacts {
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
