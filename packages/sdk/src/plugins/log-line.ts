// Turns a finished JSON log line into the `data` of a `log` event by moving pieces of its text; values are never parsed and written again.
import { cutLine, type Pieces } from "./line-pieces.ts";
import { levelName, levelNumber } from "./log-level.ts";

export interface LineOptions {
  /** Lowest level number that is taken. */
  readonly minLevel: number;
  /** Key of the message. @default "msg" */
  readonly messageKey?: string | undefined;
  /** Name of the service where a line has none. */
  readonly service?: string | undefined;
  /** Lines about requests to this path are the client's own traffic and are left out. */
  readonly ingestPath?: string | undefined;
  readonly now: () => number;
}

/** What the logger itself says about a line, which is cheaper and surer than what stands in it. */
export interface LineFacts {
  readonly level?: number;
  /** Label of a custom level. */
  readonly label?: string;
  readonly messageKey?: string;
}

export interface LogEvent {
  /** RFC 3339. */
  readonly timestamp: string;
  /** JSON object text. */
  readonly dataJson: string;
}

/** Maps a line, or returns undefined for one to leave out. */
export type LineMapper = (line: string, facts?: LineFacts) => LogEvent | undefined;

/**
 * A mapper for lines such as `{"level":30,"time":1767225600000,"pid":1,"hostname":"a","module":"db","rows":2,"msg":"read"}`.
 * Shape: `{"level":"info","message":"read","module":"db","host":"a","fields":{"pid":1,"rows":2}}`. A line that is no JSON object becomes the message.
 */
export function createLineMapper(options: LineOptions): LineMapper {
  const isoOf = createIsoClock();
  const service = options.service === undefined ? undefined : JSON.stringify(options.service);
  const ingestPath = options.ingestPath ?? "";
  const noFacts: LineFacts = {};

  return function map(line, facts = noFacts) {
    if (facts.level !== undefined && facts.level < options.minLevel) return undefined;
    const text = withoutLineEnd(line);
    const pieces = cutLine(text, { messageKey: facts.messageKey ?? options.messageKey ?? "msg", ingestPath });
    if (pieces === "own") return undefined;
    if (pieces === undefined) {
      const level = JSON.stringify(facts.label ?? levelName(facts.level ?? 30));
      return {
        timestamp: isoOf(options.now()),
        dataJson: `{"level":${level},"message":${JSON.stringify(text)}${member("service", service)}}`,
      };
    }
    const level = levelOf(pieces.level, facts);
    if (level.number < options.minLevel) return undefined;
    return { timestamp: timestampOf(pieces.time, isoOf, options.now), dataJson: join(pieces, level.name, service) };
  };
}

function join(pieces: Pieces, level: string, service: string | undefined): string {
  const message = pieces.message?.startsWith('"') ? pieces.message : JSON.stringify(pieces.message ?? "");
  const hasOwnService = pieces.service !== undefined;
  return `{"level":${level},"message":${message}${member("module", pieces.module)}${member("service", pieces.service ?? pieces.name ?? service)}${
    hasOwnService ? member("logger", pieces.name) : ""
  }${member("host", pieces.host)}${member("traceId", pieces.traceId)}${member("spanId", pieces.spanId)}${
    pieces.fields === "" ? "" : `,"fields":{${pieces.fields}}`
  }}`;
}

function member(key: string, json: string | undefined): string {
  return json === undefined ? "" : `,"${key}":${json}`;
}

function withoutLineEnd(line: string): string {
  if (!line.endsWith("\n")) return line;
  return line.slice(0, line.endsWith("\r\n") ? -2 : -1);
}

function isStandard(label: string): boolean {
  return levelNumber(label) !== undefined;
}

function levelOf(text: string | undefined, facts: LineFacts): { readonly number: number; readonly name: string } {
  if (facts.level !== undefined) {
    const { label } = facts;
    return {
      number: facts.level,
      name: label === undefined || isStandard(label) ? `"${label ?? levelName(facts.level)}"` : JSON.stringify(label),
    };
  }
  if (text?.startsWith('"')) {
    const number = levelNumber(text.slice(1, -1));
    // A label of the app's own has no known rank: it passes, since leaving it out would lose it.
    return number === undefined
      ? { number: Number.POSITIVE_INFINITY, name: text === '""' ? '"info"' : text }
      : { number, name: text.toLowerCase() };
  }
  const number = text === undefined ? Number.NaN : Number(text);
  return Number.isFinite(number) ? { number, name: `"${levelName(number)}"` } : { number: 30, name: '"info"' };
}

const rfc3339 = /^"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))"$/;

function timestampOf(text: string | undefined, isoOf: (ms: number) => string, now: () => number): string {
  if (text === undefined) return isoOf(now());
  const exact = text.startsWith('"') ? rfc3339.exec(text)?.[1] : undefined;
  if (exact !== undefined) return exact;
  const number = Number(text);
  // Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size.
  const ms = number < 1e11 ? number * 1_000 : number < 1e14 ? number : number < 1e17 ? number / 1e3 : number / 1e6;
  return ms > 0 && ms < 8e15 ? isoOf(Math.trunc(ms)) : isoOf(now());
}

// Many lines share a millisecond, and writing a date costs as much as the rest of a line.
function createIsoClock(): (ms: number) => string {
  let lastMs = Number.NaN;
  let lastIso = "";
  return (ms) => {
    if (ms !== lastMs) {
      lastIso = new Date(ms).toISOString();
      lastMs = ms;
    }
    return lastIso;
  };
}
