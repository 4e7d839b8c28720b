// Live streams of the kit: opens one for a request, from the place the client names or from now on.
import type { ServerResponse } from "node:http";
import { CuittyError } from "@cuitty/wire-protocol";
import type { Exchange } from "../ingest/exchange.ts";
import type { Subject } from "../route.ts";
import type { Channel } from "./channel.ts";
import { createChannelPool } from "./channel-pool.ts";
import { unknownTopic } from "./choose-topics.ts";
import { StreamClient } from "./client.ts";
import { openingFrame, type ResetNotice, resetFrame, toBytes } from "./frames.ts";
import { type LiveStreamsOptions, normalizeStreamOptions } from "./options.ts";
import { nodeSink, type Sink, type SinkEvents, STREAM_HEADERS, webSink } from "./sink.ts";
import { type Positions, parseStreamCursor, positionsToCursor } from "./stream-cursor.ts";
import { createStreamSet } from "./stream-set.ts";

export interface StreamRequest {
  readonly subject: Subject;
  readonly projectId: string;
  /** Topics of the stream, in any order, at least one. Errors: `invalid_request` for one that nobody serves. */
  readonly topics: readonly string[];
  /** `Last-Event-ID` or `after`; null starts with what comes next. */
  readonly cursor: string | null;
  /** Headers beside the stream's own. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the sender is still who he was, asked beside `isAllowed`: as often for a key, every `sessionRecheckMs` for a user; false ends the stream. */
  readonly recheck?: () => Promise<boolean>;
}

export interface LiveStreams {
  readonly topics: readonly string[];
  /**
   * Answers with a stream. On Node the frames are written to the response itself, and what is returned only says so (`isSentResponse`).
   * A HEAD is answered at once with the head of the stream, and takes no place.
   * Who may read is checked before. Errors: `invalid_request`, `invalid_cursor`, `overloaded`, `shutting_down`.
   */
  open(exchange: Exchange, request: StreamRequest): Promise<Response>;
  stats(): { readonly streams: number; readonly stalled: number };
  /** Ends every stream. Idempotent. */
  close(): void;
}

/** Read by Hono's node server: this response was written already. */
const sentHeader = "x-hono-already-sent";

/** True for the answer that stands for a stream written to a Node response. */
export function isSentResponse(response: Response): boolean {
  return response.headers.has(sentHeader);
}

export function createLiveStreams(given: LiveStreamsOptions): LiveStreams {
  const options = normalizeStreamOptions(given);
  const sourcesByTopic = new Map(options.sources.map((source) => [source.source.topic, source]));
  const pool = createChannelPool({ sourcesByTopic, bus: options.bus, onError: options.onError });
  const streams = createStreamSet(options, pool.wakeAll);
  const owner = { ports: options, closed: forget };
  let isClosed = false;

  function forget(client: StreamClient): void {
    streams.remove(client);
    pool.release(client.channel);
  }

  function checkOpen(): void {
    if (isClosed) throw new CuittyError("shutting_down", "The server is closing; open the stream again", { retryable: true });
  }

  async function open(exchange: Exchange, request: StreamRequest): Promise<Response> {
    const topics = [...new Set(request.topics)].sort();
    for (const topic of topics) if (!sourcesByTopic.has(topic)) throw unknownTopic(topic, sourcesByTopic.keys());
    const cursor = request.cursor === null ? null : parseStreamCursor(request.cursor, topics);
    checkOpen();
    if (exchange.method === "HEAD") return new Response(null, { headers: headersOf(request) });
    streams.reserve(request.projectId);
    let channel: Channel | null = null;
    try {
      channel = await pool.acquire(request.projectId, topics);
      const start = await startOf(channel, cursor);
      checkOpen();
      return attach(exchange, request, { channel, start });
    } catch (error) {
      if (channel !== null) pool.release(channel);
      streams.release(request.projectId);
      throw error;
    }
  }

  function attach(exchange: Exchange, request: StreamRequest, { channel, start }: { channel: Channel; start: StreamStart }): Response {
    const client = new StreamClient(channel, start.positions, owner);
    const headers = headersOf(request);
    const outgoing = exchange.node?.outgoing;
    const { sink, response } = outgoing === undefined ? webAnswer(exchange, headers, client) : nodeAnswer(outgoing, headers, client);
    const { subject, projectId, recheck = null } = request;
    streams.add(client, { subject, projectId, topics: channel.topics, recheck });
    // Gone while the stream was being opened: nobody will say so again.
    if (sink === null) client.onClose();
    else client.start(sink, openingBytes(start, options.retryMs));
    return response;
  }

  return {
    topics: [...sourcesByTopic.keys()],
    open,
    stats: () => ({ streams: streams.size(), stalled: streams.stalled() }),
    close() {
      if (isClosed) return;
      isClosed = true;
      streams.close();
      pool.close();
    },
  };
}

function headersOf({ headers }: StreamRequest): Readonly<Record<string, string>> {
  return headers === undefined ? STREAM_HEADERS : { ...headers, ...STREAM_HEADERS };
}

interface Answer {
  readonly sink: Sink | null;
  readonly response: Response;
}

function nodeAnswer(outgoing: ServerResponse, headers: Readonly<Record<string, string>>, events: SinkEvents): Answer {
  const response = new Response(null, { headers: { [sentHeader]: "true" } });
  // @hono/node-server 2 puts a light class in the place of the global one, and looks for the mark only on one that has been read like a real one.
  void response.body;
  return { sink: isGone(outgoing) ? null : nodeSink(outgoing, headers, events), response };
}

// HTTP/2 responses have no `destroyed` of their own.
const isGone = (outgoing: ServerResponse & { readonly stream?: { readonly destroyed: boolean } }): boolean =>
  outgoing.destroyed === true || outgoing.stream?.destroyed === true;

function webAnswer(exchange: Exchange, headers: Readonly<Record<string, string>>, events: SinkEvents): Answer {
  const { sink, body } = webSink(events);
  // Both ways of going away: some hosts only abort, some only cancel.
  exchange.signal.addEventListener("abort", () => events.onClose(), { once: true });
  return { sink: exchange.signal.aborted ? null : sink, response: new Response(body, { headers }) };
}

interface StreamStart {
  readonly positions: Positions;
  readonly resets: readonly ResetNotice[];
}

/** Where the client goes on. A place that retention has overtaken, or that this file never had, is answered with a reset. */
async function startOf(channel: Channel, cursor: Positions | null): Promise<StreamStart> {
  const positions = new Map(channel.positions());
  const resets: ResetNotice[] = [];
  for (const [topic, seq] of cursor ?? []) {
    if (seq === positions.get(topic)) continue;
    const { oldestSeq, newestSeq } = await channel.tail(topic).range();
    // Written, but the hint is still on its way.
    if (seq <= newestSeq) await channel.reach(topic, seq);
    const live = channel.positions().get(topic) ?? 0;
    if (seq > live) resets.push({ topic, reason: newestSeq === 0 ? "expired" : "ahead", oldest: oldestSeq });
    else if (seq > 0 && oldestSeq > seq + 1) resets.push({ topic, reason: "expired", oldest: oldestSeq });
    positions.set(topic, Math.min(seq, live));
  }
  return { positions, resets };
}

function openingBytes({ positions, resets }: StreamStart, retryMs: number): Uint8Array {
  const cursor = positionsToCursor(positions);
  return toBytes(openingFrame(cursor, retryMs) + resets.map((notice) => resetFrame(cursor, notice)).join(""));
}
