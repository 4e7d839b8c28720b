// Cuts a finished JSON log line into the pieces that have a place of their own on the wire and the rest.
import { endOfString, endOfValue, type Scan, startScan } from "./json-scan.ts";

/** Pieces of a line; values are JSON text as it stood there. */
export interface Pieces {
  level: string | undefined;
  time: string | undefined;
  message: string | undefined;
  module: string | undefined;
  service: string | undefined;
  name: string | undefined;
  host: string | undefined;
  traceId: string | undefined;
  spanId: string | undefined;
  /** Members of `fields`, without the braces. */
  fields: string;
}

type Piece = Exclude<keyof Pieces, "fields">;

// What a key of pino means on the wire; everything else stays a field. Those that are strings there must be strings here.
const stringKeys: readonly (readonly [key: string, piece: Piece])[] = [
  ["module", "module"],
  ["service", "service"],
  ["name", "name"],
  ["hostname", "host"],
  ["traceId", "traceId"],
  ["trace_id", "traceId"],
  ["spanId", "spanId"],
  ["span_id", "spanId"],
];
const longestKeyChars = 8;
// By length, so that most keys are passed over without being looked at.
const keysByLength = Array.from({ length: longestKeyChars + 1 }, (_, length) => stringKeys.filter(([key]) => key.length === length));

export interface CutOptions {
  readonly messageKey: string;
  /** Path of the client's own requests, empty for none. */
  readonly ingestPath: string;
}

/** `"own"` is a line about the client's own traffic, undefined one that is no compact JSON object. Of a key that stands twice the last one counts. */
export function cutLine(text: string, { messageKey, ingestPath }: CutOptions): Pieces | "own" | undefined {
  const scan = startScan(text);
  if (scan === undefined || text.charCodeAt(0) !== openBrace) return undefined;
  const ownPath = ingestPath !== "" && text.includes(ingestPath) ? ingestPath : undefined;
  const cut: Cut = { scan, messageKey, ownPath, pieces: noPieces(), keptAt: -1 };
  let at = text === "{}" ? finished : 1;
  while (at > 0) at = cutMember(cut, at);
  return at === ownTraffic ? "own" : at === finished ? cut.pieces : undefined;
}

interface Cut {
  readonly scan: Scan;
  readonly messageKey: string;
  readonly ownPath: string | undefined;
  readonly pieces: Pieces;
  /** Where neighbours that stay fields began, so that they are copied in one piece; -1 for none. */
  keptAt: number;
}

// Results of `cutMember` besides the position of the next member.
const finished = 0;
const invalid = -1;
const ownTraffic = -2;

function noPieces(): Pieces {
  const absent = undefined;
  return {
    level: absent,
    time: absent,
    message: absent,
    module: absent,
    service: absent,
    name: absent,
    host: absent,
    traceId: absent,
    spanId: absent,
    fields: "",
  };
}

/** Sorts the member at `at`. */
function cutMember(cut: Cut, at: number): number {
  const { scan, pieces } = cut;
  const { text } = scan;
  const keyEnd = endOfString(scan, at);
  if (keyEnd < 0 || text.charCodeAt(keyEnd) !== colon) return invalid;
  const end = endOfValue(scan, keyEnd + 1, 1);
  if (end < 0) return invalid;
  const piece = pieceOf(text, at + 1, keyEnd - at - 2, cut.messageKey);
  if (piece !== undefined) {
    keep(cut, at - 1);
    pieces[piece] = text.slice(keyEnd + 1, end);
  } else {
    if (cut.ownPath !== undefined && isAbout(text, at, end, cut.ownPath)) return ownTraffic;
    if (cut.keptAt < 0) cut.keptAt = at;
  }
  const next = text.charCodeAt(end);
  if (next === comma) return end + 1;
  if (next !== closeBrace || end !== text.length - 1) return invalid;
  keep(cut, end);
  return finished;
}

/** Takes what has been kept up to `end` over into the fields. */
function keep(cut: Cut, end: number): void {
  if (cut.keptAt < 0) return;
  const kept = cut.scan.text.slice(cut.keptAt, end);
  cut.pieces.fields = cut.pieces.fields === "" ? kept : `${cut.pieces.fields},${kept}`;
  cut.keptAt = -1;
}

const quote = 34;
const comma = 44;
const colon = 58;
const openBrace = 123;
const closeBrace = 125;
const letterL = 108;
const letterT = 116;

/** The piece for the key of `length` characters at `at`; its value stands three characters after it. */
function pieceOf(text: string, at: number, length: number, messageKey: string): Piece | undefined {
  const first = text.charCodeAt(at);
  if (length === messageKey.length && first === messageKey.charCodeAt(0) && text.startsWith(messageKey, at)) return "message";
  if (length > longestKeyChars) return undefined;
  if (length === 5 && first === letterL && text.startsWith("level", at)) return "level";
  if (length === 4 && first === letterT && text.startsWith("time", at)) return "time";
  if (text.charCodeAt(at + length + 2) !== quote) return undefined;
  for (const [key, piece] of keysByLength[length] as typeof stringKeys) {
    if (first === key.charCodeAt(0) && text.startsWith(key, at)) return piece;
  }
  return undefined;
}

/** Pino-http writes requests under `req`; home-made request lines usually say `url` or `path`. */
function isAbout(text: string, at: number, end: number, path: string): boolean {
  if (text.startsWith('"req":{', at)) {
    const request = text.slice(at, end);
    return request.includes(`"url":"${path}"`) || request.includes(`"url":"${path}?`);
  }
  const isPath = text.startsWith('"url":"', at) || text.startsWith('"path":"', at);
  return isPath && text.slice(text.indexOf(":", at) + 2, end - 1) === path;
}
