// Where a client is in each of its topics, as one `id`: readable for one topic, packed for several.
import { CuittyError } from "@cuitty/wire-protocol";
import { parseTopicPlace } from "./topic-name.ts";

/** Topic to the seq of the last event that was delivered. */
export type Positions = ReadonlyMap<string, number>;

const maxCursorChars = 4096;

/** `logs:1234`, or base64url of `audit:12,logs:34` (sorted) for several topics. */
export function positionsToCursor(positions: Positions): string {
  const pairs = Array.from(positions, ([topic, seq]) => `${topic}:${seq}`);
  return pairs.length === 1 ? (pairs[0] as string) : Buffer.from(pairs.sort().join(","), "utf8").toString("base64url");
}

/**
 * Reads a cursor for a stream of `topics`. `0` is the beginning of all of them; a topic the cursor does not name is left out of the result.
 * Errors: `invalid_cursor`.
 */
export function parseStreamCursor(cursor: string, topics: readonly string[]): Positions {
  if (cursor === "0") return new Map(topics.map((topic) => [topic, 0]));
  const positions = readPairs(cursor);
  if (positions === null) {
    throw new CuittyError("invalid_cursor", "Last-Event-ID or after: expected the id of an event of this stream, or 0 for the beginning");
  }
  for (const topic of positions.keys()) {
    if (!topics.includes(topic)) {
      throw new CuittyError(
        "invalid_cursor",
        `Last-Event-ID or after: it belongs to a stream with topic ${topic}, which this one does not have`,
      );
    }
  }
  return positions;
}

function readPairs(cursor: string): Map<string, number> | null {
  if (cursor.length > maxCursorChars) return null;
  const text = parseTopicPlace(cursor) !== null ? cursor : Buffer.from(cursor, "base64url").toString("utf8");
  const positions = new Map<string, number>();
  for (const part of text.split(",")) {
    const place = parseTopicPlace(part);
    if (place === null || !Number.isSafeInteger(place.seq) || positions.has(place.topic)) return null;
    positions.set(place.topic, place.seq);
  }
  // Only our own spelling: what is not byte for byte the same was not made here.
  return positionsToCursor(positions) === cursor ? positions : null;
}
