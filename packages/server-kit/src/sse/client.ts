// One client of a channel: live while it keeps up, else paging on its own from the last event it got.
import type { Channel } from "./channel.ts";
import { rowsToChunks } from "./chunks.ts";
import { closingFrame, HEARTBEAT, toBytes } from "./frames.ts";
import type { Sink } from "./sink.ts";
import type { Positions } from "./stream-cursor.ts";
import { MAX_PAGE_ROWS } from "./topic-tail.ts";

export interface StreamClient {
  /** Writes what a stream begins with and brings the client up to the channel. */
  start(sink: Sink, opening: Uint8Array): void;
  /** The sink has room again. */
  onDrain(): void;
  /** The sink is closed. */
  onClose(): void;
  heartbeat(): void;
  /** Since when the client has not taken what it was given; null while it does. Unix ms. */
  stalledSinceMs(): number | null;
  /** Ends the stream; the client should come back after `retryMs`. */
  end(retryMs: number): void;
}

export interface StreamClientOptions {
  readonly channel: Channel;
  /** What the client already has; null for "from now on". */
  readonly positions: Positions | null;
  readonly now: () => number;
  readonly onClose: () => void;
  readonly onError: (error: unknown) => void;
}

const firstPageRows = 32;
const endGraceMs = 2_000;

export function createStreamClient({ channel, positions, now, onClose, onError }: StreamClientOptions): StreamClient {
  let sink: Sink | null = null;
  /** Own places while not live; a topic is complete up to its place. */
  let own: Map<string, number> | null = new Map(positions ?? channel.positions());
  let stalledSince: number | null = null;
  let isClosed = false;
  let isEnding = false;
  let isPaging = false;
  let pageRows = firstPageRows;

  const live = {
    take(bytes: Uint8Array): boolean {
      if (write(bytes)) return true;
      own = new Map(channel.positions());
      return false;
    },
  };

  const isOpen = (): boolean => !isClosed && !isEnding;

  function write(bytes: Uint8Array): boolean {
    if (sink === null || isEnding) return false;
    const hasRoom = sink.write(bytes);
    if (!hasRoom) stalledSince ??= now();
    return hasRoom;
  }

  /** Joins the live clients when nothing is missing. */
  function tryJoin(): boolean {
    if (own === null) return true;
    const target = channel.positions();
    for (const [topic, seq] of own) if (target.get(topic) !== seq) return false;
    own = null;
    channel.join(live);
    return true;
  }

  async function catchUp(): Promise<void> {
    if (isPaging) return;
    isPaging = true;
    try {
      while (isOpen() && stalledSince === null && !tryJoin()) {
        for (const topic of channel.topics) await pageTopic(topic);
      }
    } catch (error) {
      // Without its page a client would be silent for ever: it comes back and starts where it was.
      onError(error);
      end(endGraceMs);
    } finally {
      isPaging = false;
    }
  }

  async function pageTopic(topic: string): Promise<void> {
    const from = own?.get(topic) ?? 0;
    const known = channel.positions().get(topic) ?? 0;
    if (own === null || from >= known || !isOpen() || stalledSince !== null) return;
    const { rows, isLast } = await channel.tail(topic).page(from, pageRows);
    if (own === null || !isOpen() || stalledSince !== null) return;
    // What is newer than the channel's place comes with the channel; sent here it would come twice.
    const target = channel.positions().get(topic) ?? 0;
    const wanted = rows.filter(({ seq }) => seq <= target);
    for (const { bytes, seq } of rowsToChunks(topic, wanted, own)) {
      own.set(topic, seq);
      if (!write(bytes)) {
        pageRows = firstPageRows;
        return;
      }
    }
    pageRows = Math.min(MAX_PAGE_ROWS, pageRows * 2);
    const reached = own.get(topic) ?? from;
    if (wanted.length < rows.length) own.set(topic, target);
    else if (isLast) own.set(topic, Math.max(reached, known));
  }

  function end(retryMs: number): void {
    if (!isOpen() || sink === null) return;
    isEnding = true;
    channel.leave(live);
    sink.end(toBytes(closingFrame(retryMs)), endGraceMs);
  }

  return {
    start(given, opening) {
      sink = given;
      write(opening);
      void catchUp();
    },
    onDrain() {
      if (stalledSince === null || !isOpen()) return;
      stalledSince = null;
      void catchUp();
    },
    onClose() {
      if (isClosed) return;
      isClosed = true;
      sink = null;
      channel.leave(live);
      onClose();
    },
    heartbeat() {
      // A client that lags has bytes waiting: they find out as well whether it is gone.
      if (stalledSince === null && own === null && !write(HEARTBEAT)) leaveLive();
    },
    stalledSinceMs: () => stalledSince,
    end,
  };

  function leaveLive(): void {
    channel.leave(live);
    own = new Map(channel.positions());
  }
}
