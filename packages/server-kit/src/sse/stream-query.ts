// What a stream request asks for: topics from the query, the place from `Last-Event-ID` or the query.
import { CuittyError } from "@cuitty/wire-protocol";
import type { Exchange } from "../ingest/exchange.ts";

export interface StreamQuery {
  /** Null when the request names none. */
  readonly topics: readonly string[] | null;
  readonly cursor: string | null;
  /** One-time ticket of a browser. */
  readonly ticket: string | null;
}

const topicPattern = /^[a-z][a-z0-9_]{0,63}$/;
const maxTopics = 32;

/** `?topics=audit,logs&after=…&ticket=…`. A reconnecting EventSource sends its first URL and the newer `Last-Event-ID`: that one wins. Errors: `invalid_request`. */
export function parseStreamQuery(exchange: Exchange): StreamQuery {
  const query = new URLSearchParams(exchange.search);
  return {
    topics: parseTopics(query.getAll("topics")),
    cursor: nonEmpty(exchange.header("last-event-id")) ?? nonEmpty(query.get("after")),
    ticket: nonEmpty(query.get("ticket")),
  };
}

const nonEmpty = (text: string | null): string | null => (text === null || text.trim() === "" ? null : text.trim());

function parseTopics(given: readonly string[]): readonly string[] | null {
  const topics = given.flatMap((list) => list.split(",")).filter((topic) => topic !== "");
  if (topics.length === 0) return null;
  if (topics.length > maxTopics || !topics.every((topic) => topicPattern.test(topic))) {
    throw new CuittyError("invalid_request", `topics: expected at most ${maxTopics} names such as audit, separated by commas`);
  }
  return topics;
}
