// One client of a channel: live while it keeps up, else paging on its own from the last event it got.
import type { Channel, LiveClient } from "./channel.ts";
import { rowsToChunks } from "./chunks.ts";
import { closingFrame, HEARTBEAT, toBytes } from "./frames.ts";
import type { Sink, SinkEvents } from "./sink.ts";
import type { Positions } from "./stream-cursor.ts";
import { MAX_PAGE_ROWS } from "./topic-tail.ts";

/** Shared by all clients of a process. */
export interface ClientPorts {
  readonly clock: () => number;
  readonly onError: (error: unknown) => void;
}

const firstPageRows = 32;
const endGraceMs = 2_000;

/** A class only for memory: of these there are thousands, and closures would cost each of them more than its state. */
export class StreamClient implements LiveClient, SinkEvents {
  readonly channel: Channel;
  readonly #ports: ClientPorts;
  readonly #closed: (client: StreamClient) => void;
  /** Ticks of the set's timer since something was written. */
  quietTicks = 0;
  #sink: Sink | null = null;
  /** Own places while not live; a topic is complete up to its place. */
  #own: Map<string, number> | null;
  #stalledSinceMs = 0;
  #pageRows = firstPageRows;
  #isClosed = false;
  #isEnding = false;
  #isPaging = false;

  /** @param positions what the client already has. @param closed told once, when the client is gone. */
  constructor(
    channel: Channel,
    positions: Positions,
    owner: { readonly ports: ClientPorts; readonly closed: (client: StreamClient) => void },
  ) {
    this.channel = channel;
    this.#own = new Map(positions);
    this.#ports = owner.ports;
    this.#closed = owner.closed;
  }

  /** Writes what a stream begins with and brings the client up to the channel. */
  start(sink: Sink, opening: Uint8Array): void {
    this.#sink = sink;
    this.#write(opening);
    void this.#catchUp();
  }

  /** Since when the client has not taken what it was given; null while it does. Unix ms. */
  stalledSinceMs(): number | null {
    return this.#stalledSinceMs === 0 ? null : this.#stalledSinceMs;
  }

  take(bytes: Uint8Array): boolean {
    if (this.#write(bytes)) return true;
    this.#own = new Map(this.channel.positions());
    return false;
  }

  onDrain(): void {
    if (this.#stalledSinceMs === 0 || !this.#isOpen()) return;
    this.#stalledSinceMs = 0;
    void this.#catchUp();
  }

  onClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sink = null;
    this.channel.leave(this);
    this.#closed(this);
  }

  heartbeat(): void {
    // A client that lags has bytes waiting: they find out as well whether it is gone.
    if (this.#stalledSinceMs !== 0 || this.#own !== null || this.take(HEARTBEAT)) return;
    this.channel.leave(this);
  }

  /** Ends the stream; the client should come back after `retryMs`. */
  end(retryMs: number): void {
    if (!this.#isOpen() || this.#sink === null) return;
    this.#isEnding = true;
    this.channel.leave(this);
    this.#sink.end(toBytes(closingFrame(retryMs)), endGraceMs);
  }

  #isOpen(): boolean {
    return !this.#isClosed && !this.#isEnding;
  }

  #write(bytes: Uint8Array): boolean {
    if (this.#sink === null || this.#isEnding) return false;
    this.quietTicks = 0;
    const hasRoom = this.#sink.write(bytes);
    if (!hasRoom && this.#stalledSinceMs === 0) this.#stalledSinceMs = this.#ports.clock();
    return hasRoom;
  }

  /** Joins the live clients when nothing is missing. */
  #tryJoin(): boolean {
    if (this.#own === null) return true;
    const target = this.channel.positions();
    for (const [topic, seq] of this.#own) if (target.get(topic) !== seq) return false;
    this.#own = null;
    this.channel.join(this);
    return true;
  }

  async #catchUp(): Promise<void> {
    if (this.#isPaging) return;
    this.#isPaging = true;
    try {
      while (this.#isOpen() && this.#stalledSinceMs === 0 && !this.#tryJoin()) {
        for (const topic of this.channel.topics) await this.#pageTopic(topic);
      }
    } catch (error) {
      // Without its page a client would be silent for ever: it comes back and starts where it was.
      this.#ports.onError(error);
      this.end(endGraceMs);
    } finally {
      this.#isPaging = false;
    }
  }

  async #pageTopic(topic: string): Promise<void> {
    const from = this.#own?.get(topic) ?? 0;
    const known = this.channel.positions().get(topic) ?? 0;
    if (this.#own === null || from >= known || !this.#isOpen() || this.#stalledSinceMs !== 0) return;
    const { rows, isLast } = await this.channel.tail(topic).page(from, this.#pageRows);
    if (this.#own === null || !this.#isOpen() || this.#stalledSinceMs !== 0) return;
    // What is newer than the channel's place comes with the channel; sent here it would come twice.
    const target = this.channel.positions().get(topic) ?? 0;
    const wanted = rows.filter(({ seq }) => seq <= target);
    for (const { bytes, seq } of rowsToChunks(topic, wanted, this.#own)) {
      this.#own.set(topic, seq);
      if (!this.#write(bytes)) {
        this.#pageRows = firstPageRows;
        return;
      }
    }
    this.#pageRows = Math.min(MAX_PAGE_ROWS, this.#pageRows * 2);
    if (wanted.length < rows.length) this.#own.set(topic, target);
    else if (isLast) this.#own.set(topic, Math.max(this.#own.get(topic) ?? from, known));
  }
}
