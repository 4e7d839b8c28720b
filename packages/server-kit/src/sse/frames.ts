// Server-sent event frames as bytes that any parser reads the same way. Source: WHATWG HTML, "Server-sent events".
import type { StreamRow } from "../module.ts";

/** A row ready to be framed: its place and the frame's JSON, on one line. */
export interface EncodedRow {
  readonly seq: number;
  readonly json: string;
}

/** `{id, seq, type, ts, data}` as JSON on one line. */
export function encodeRow(row: StreamRow): EncodedRow {
  const head = `{"id":${JSON.stringify(row.id)},"seq":${row.seq},"type":${JSON.stringify(row.type)},"ts":${JSON.stringify(row.ts)}`;
  return { seq: row.seq, json: toOneLine(`${head},"data":${row.dataJson}}`) };
}

/** An event frame without `event:`, so that plain `onmessage` sees it. */
export function eventFrame(cursor: string, json: string): string {
  return `id: ${cursor}\ndata: ${json}\n\n`;
}

/** What a stream begins with: how soon to come back, and the place to come back to even if no event ever arrives. */
export function openingFrame(cursor: string, retryMs: number): string {
  return `retry: ${retryMs}\nid: ${cursor}\n\n`;
}

/** Why events are missing: `expired` (removed by retention) or `ahead` (the cursor names events that this file never had). */
export interface ResetNotice {
  readonly topic: string;
  readonly reason: "expired" | "ahead";
  /** Lowest seq that is still there; 0 when there is none. */
  readonly oldest: number;
}

/** The one frame with a name: the client missed events that nobody can send any more. */
export function resetFrame(cursor: string, notice: ResetNotice): string {
  return `event: reset\nid: ${cursor}\ndata: ${JSON.stringify(notice)}\n\n`;
}

/** Sent before closing a stream that the client should open again, but not at once. */
export function closingFrame(retryMs: number): string {
  return `retry: ${retryMs}\n\n`;
}

/** A comment: keeps proxies from closing an idle connection, and finds out who is gone. */
export const HEARTBEAT: Uint8Array = Buffer.from(": keep-alive\n\n");

/** A Buffer: a plain Uint8Array would be wrapped anew by each socket it is written to. */
export const toBytes = (frames: string): Uint8Array => Buffer.from(frames, "utf8");

// CR and LF end a line everywhere; U+0085, U+2028 and U+2029 do in parsers built on a language's own idea of a line, NUL ends a string in some.
// biome-ignore lint/suspicious/noControlCharactersInRegex: reason: these are the characters to find
const unsafe = /[\u0000-\u001f\u0085\u2028\u2029]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: reason: as above
const unsafeAll = /[\u0000-\u001f\u0085\u2028\u2029]/g;

// In valid JSON a raw control character is white space between tokens, the other three can only stand inside strings, where an escape means the same.
function toOneLine(json: string): string {
  if (!unsafe.test(json)) return json;
  return json.replace(unsafeAll, (character) => {
    if (character === "\n" || character === "\r" || character === "\t") return " ";
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
