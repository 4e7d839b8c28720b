// Turns a finished JSON log line into the `data` of a `log` event by moving pieces of its text; values are never parsed and written again.
import { endOfString, endOfValue, startScan } from "./json-scan.ts";
import { levelName, levelNumber } from "./log-level.ts";

export interface LineOptions {
  /** Lowest level number that is taken. */
  readonly minLevel: number;
  /** Key of the message. @default "msg" */
  readonly messageKey?: string;
  /** Name of the service where a line has none. */
  readonly service?: string;
  /** Lines about requests to this path are the client's own traffic and are left out. */
  readonly ingestPath?: string;
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

/** Pieces of a line; strings are JSON text, still quoted and escaped. */
interface Pieces {
  level?: string;
  time?: string;
  message?: string;
  module?: string;
  service?: string;
  name?: string;
  host?: string;
  traceId?: string;
  spanId?: string;
  fields: string;
}

type Piece = Exclude<keyof Pieces, "fields">;

// What a key of pino means on the wire; everything else stays a field.
const stringPieces: ReadonlyMap<string, Piece> = new Map([
  ["module", "module"],
  ["service", "service"],
  ["name", "name"],
  ["hostname", "host"],
  ["traceId", "traceId"],
  ["trace_id", "traceId"],
  ["spanId", "spanId"],
  ["span_id", "spanId"],
]);

/**
 * A mapper for lines such as `{"level":30,"time":1767225600000,"pid":1,"hostname":"a","module":"db","rows":2,"msg":"read"}`.
 * Shape: `{"level":"info","message":"read","module":"db","host":"a","fields":{"pid":1,"rows":2}}`. A line that is no JSON object becomes the message.
 */
export function createLineMapper(options: LineOptions): LineMapper {
  const isoOf = createIsoClock();
  const service = options.service === undefined ? undefined : JSON.stringify(options.service);

  return function map(line, facts = {}) {
    if (facts.level !== undefined && facts.level < options.minLevel) return undefined;
    const pieces = split(line, facts.messageKey ?? options.messageKey ?? "msg", options.ingestPath ?? "");
    if (pieces === "own") return undefined;
    if (pieces === undefined) {
      const level = facts.label ?? levelName(facts.level ?? 30);
      const message = JSON.stringify(withoutLineEnd(line));
      return {
        timestamp: isoOf(options.now()),
        dataJson: `{"level":${JSON.stringify(level)},"message":${message}${member("service", service)}}`,
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

/** Sorts the members of a line into pieces; `"own"` is a line about the client's own traffic, undefined one that is no compact JSON object. */
function split(line: string, messageKey: string, ingestPath: string): Pieces | "own" | undefined {
  const text = withoutLineEnd(line);
  const scan = startScan(text);
  if (scan === undefined || text[0] !== "{") return undefined;
  const pieces: Pieces = { fields: "" };
  if (text === "{}") return pieces;
  // Neighbours that stay fields are copied in one piece.
  let keptAt = -1;
  for (let at = 1; ; ) {
    const keyEnd = endOfString(scan, at);
    if (keyEnd < 0 || text[keyEnd] !== ":") return undefined;
    const end = endOfValue(scan, keyEnd + 1, 1);
    if (end < 0) return undefined;
    const key = text.slice(at + 1, keyEnd - 1);
    const piece = pieceOf(key, messageKey, text[keyEnd + 1] === '"');
    if (piece !== undefined) {
      if (keptAt >= 0) pieces.fields = append(pieces.fields, text.slice(keptAt, at - 1));
      keptAt = -1;
      pieces[piece] = text.slice(keyEnd + 1, end);
    } else {
      if (ingestPath !== "" && isAbout(key, text, keyEnd + 1, end, ingestPath)) return "own";
      if (keptAt < 0) keptAt = at;
    }
    if (end === text.length - 1 && text[end] === "}") {
      if (keptAt >= 0) pieces.fields = append(pieces.fields, text.slice(keptAt, end));
      return pieces;
    }
    if (text[end] !== ",") return undefined;
    at = end + 1;
  }
}

function withoutLineEnd(line: string): string {
  if (!line.endsWith("\n")) return line;
  return line.slice(0, line.endsWith("\r\n") ? -2 : -1);
}

function append(fields: string, more: string): string {
  return fields === "" ? more : `${fields},${more}`;
}

function pieceOf(key: string, messageKey: string, isString: boolean): Piece | undefined {
  if (key === messageKey) return "message";
  if (key === "level" || key === "time") return key;
  return isString ? stringPieces.get(key) : undefined;
}

// pino-http writes requests under `req`; home-made request lines usually say `url` or `path`.
function isAbout(key: string, text: string, at: number, end: number, path: string): boolean {
  if (key !== "req" && key !== "url" && key !== "path") return false;
  const value = text.slice(at, end);
  if (key === "req") return value.includes(`"url":"${path}"`) || value.includes(`"url":"${path}?`);
  return value === `"${path}"`;
}

function levelOf(text: string | undefined, facts: LineFacts): { readonly number: number; readonly name: string } {
  if (facts.level !== undefined) return { number: facts.level, name: JSON.stringify(facts.label ?? levelName(facts.level)) };
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
  const exact = rfc3339.exec(text)?.[1];
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
