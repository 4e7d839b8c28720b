// All clients of one project with the same topics: those that keep up share every byte, those that lag page on their own and come back.
import { setImmediate as nextTurn } from "node:timers/promises";
import { rowsToChunks } from "./chunks.ts";
import type { EncodedRow } from "./frames.ts";
import type { Positions } from "./stream-cursor.ts";
import type { TailListener, TopicTail } from "./topic-tail.ts";

/** A client that keeps up. */
export interface LiveClient {
  /** False when it does not keep up any more; it has left the live clients then. */
  take(bytes: Uint8Array): boolean;
}

export interface Channel {
  readonly projectId: string;
  readonly topics: readonly string[];
  readonly ready: Promise<void>;
  /** What live clients have, or are being given in this turn. */
  positions(): Positions;
  /** Waits until live clients have everything up to `seq`, which is in the table. */
  reach(topic: string, seq: number): Promise<void>;
  tail(topic: string): TopicTail;
  /** Makes a client that is exactly at `positions` live. */
  join(client: LiveClient): void;
  leave(client: LiveClient): void;
  liveClients(): number;
  close(): void;
}

// After so many writes the event loop gets a turn: a host with 10,000 streams still answers its other requests.
const clientsPerTurn = 1_000;
const maxTurns = 1_000;

export function createChannel(projectId: string, tails: readonly TopicTail[]): Channel {
  const tailsByTopic = new Map(tails.map((tail) => [tail.topic, tail]));
  const positions = new Map<string, number>();
  /** Live client to the number of the chunk it joined at: that chunk it has already. */
  const live = new Map<LiveClient, number>();
  let chunkNumber = 0;
  let delivering: Promise<void> = Promise.resolve();
  let unlisten: (() => void)[] = [];

  const listener: TailListener = {
    // One at a time: a frame's id names the places in all topics, so topics may not overtake each other.
    deliver(topic, rows) {
      delivering = delivering.then(() => deliverNow(topic, rows));
      return delivering;
    },
  };

  const ready = Promise.all(tails.map((tail) => tail.ready)).then(() => {
    for (const tail of tails) positions.set(tail.topic, tail.seq());
    unlisten = tails.map((tail) => tail.listen(listener));
    // Hints that came before anybody listened were not followed.
    for (const tail of tails) tail.wake();
  });
  ready.catch(() => {});

  async function deliverNow(topic: string, rows: readonly EncodedRow[]): Promise<void> {
    const known = positions.get(topic) ?? 0;
    const fresh = rows.filter(({ seq }) => seq > known);
    const chunks = rowsToChunks(topic, fresh, positions);
    for (const [index, { bytes, seq }] of chunks.entries()) {
      // Lets what was written leave for the sockets before more follows.
      if (index > 0) await nextTurn();
      positions.set(topic, seq);
      chunkNumber++;
      await giveToAll(bytes);
    }
  }

  async function giveToAll(bytes: Uint8Array): Promise<void> {
    const current = chunkNumber;
    let written = 0;
    for (const client of [...live.keys()]) {
      const joinedAt = live.get(client);
      if (joinedAt === undefined || joinedAt >= current) continue;
      if (!client.take(bytes)) live.delete(client);
      if (++written % clientsPerTurn === 0) await nextTurn();
    }
  }

  return {
    projectId,
    topics: tails.map(({ topic }) => topic),
    ready,
    positions: () => positions,
    async reach(topic, seq) {
      for (let turn = 0; turn < maxTurns && (positions.get(topic) ?? 0) < seq; turn++) {
        tailsByTopic.get(topic)?.wake();
        await nextTurn();
      }
    },
    tail: (topic) => tailsByTopic.get(topic) as TopicTail,
    join(client) {
      live.set(client, chunkNumber);
    },
    leave(client) {
      live.delete(client);
    },
    liveClients: () => live.size,
    close() {
      for (const stop of unlisten) stop();
      unlisten = [];
      live.clear();
    },
  };
}
