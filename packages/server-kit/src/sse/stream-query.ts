// What a stream request asks for: topics from the query, the place from `Last-Event-ID` or the query.
import { CuittyError } from "@cuitty/wire-protocol";
import type { Exchange } from "../ingest/exchange.ts";
import { isTopicName, topicSpelling } from "./topic-name.ts";

export interface StreamQuery {
  /** Null when the request names none. */
  readonly topics: readonly string[] | null;
  readonly cursor: string | null;
  /** One-time ticket of a browser. */
  readonly ticket: string | null;
}

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
  if (topics.length > maxTopics) {
    throw new CuittyError("invalid_request", `topics: expected at most ${maxTopics} names, separated by commas, got ${topics.length}`);
  }
  if (!topics.every(isTopicName)) {
    throw new CuittyError("invalid_request", `topics: expected names of ${topicSpelling}, such as audit, separated by commas`);
  }
  return topics;
}
