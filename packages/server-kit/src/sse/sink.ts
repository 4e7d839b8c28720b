// Where one client's bytes go: a Node response (HTTP/1 or HTTP/2) or a web stream, behind one small interface that never buffers on its own.
import type { ServerResponse } from "node:http";
import { addCookies } from "./cookies.ts";

export interface SinkEvents {
  /** The client took what it was given; there is room again. */
  onDrain(): void;
  /** The client is gone, or `end` was carried out. Harmless when repeated. */
  onClose(): void;
}

export interface Sink {
  /** False when the client lags: nothing more should be written until `onDrain`. */
  write(bytes: Uint8Array): boolean;
  /** Ends the stream cleanly after `last`; a client that does not take it is cut off `graceMs` later. */
  end(last: Uint8Array, graceMs: number): void;
}

/** Headers of every stream. Neither Connection nor Transfer-Encoding: both are errors in HTTP/2. */
export const STREAM_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

/** Writes to a Node response whose head has not been sent yet. */
export function nodeSink(outgoing: ServerResponse, headers: Readonly<Record<string, string>>, events: SinkEvents): Sink {
  const { "set-cookie": cookie, ...others } = headers;
  // The head's own headers take the place of those that the app has set, its cookies among them.
  if (cookie !== undefined) addCookies(outgoing, cookie);
  outgoing.writeHead(200, others);
  outgoing.on("drain", () => events.onDrain());
  // `close` of the response, not of the request: the latter never comes once a body was read.
  outgoing.on("close", () => events.onClose());
  if (process.versions.bun !== undefined) watchSocket(outgoing, events);
  outgoing.on("error", ignore);
  return new NodeSink(outgoing);
}

/** A response of Bun 1.3 does not tell that its client is gone, its socket does. One of HTTP/2 has many responses, which tell. */
function watchSocket(outgoing: ServerResponse, events: SinkEvents): void {
  const { socket } = outgoing;
  if (outgoing.req.httpVersionMajor !== 1 || socket === null) return;
  const onClose = (): void => events.onClose();
  socket.once("close", onClose);
  // The next response on this connection is another client's.
  for (const event of ["finish", "close"]) outgoing.once(event, () => socket.off("close", onClose));
}

// A write to a client that has just gone fails; `close` follows and does the work.
const ignore = (): void => {};

/** A class only for memory, like the clients. */
class NodeSink implements Sink {
  readonly #outgoing: ServerResponse;

  constructor(outgoing: ServerResponse) {
    this.#outgoing = outgoing;
  }

  write(bytes: Uint8Array): boolean {
    return this.#outgoing.write(bytes);
  }

  end(last: Uint8Array, graceMs: number): void {
    const outgoing = this.#outgoing;
    outgoing.end(last);
    const cutOff = setTimeout(() => outgoing.destroy(), graceMs);
    cutOff.unref();
    outgoing.once("close", () => clearTimeout(cutOff));
  }
}

const webBufferBytes = 16_384;

/** A web stream that holds at most `webBufferBytes` and the one chunk that went over it. */
export function webSink(events: SinkEvents): { readonly sink: Sink; readonly body: ReadableStream<Uint8Array> } {
  const source = new WebSink(events);
  const body = new ReadableStream<Uint8Array>(source, { highWaterMark: webBufferBytes, size: byteLength });
  return { sink: source, body };
}

const byteLength = (bytes: Uint8Array): number => bytes.byteLength;

/** The stream's source and the sink in one: two objects fewer a client. */
class WebSink implements Sink, UnderlyingDefaultSource<Uint8Array> {
  readonly #events: SinkEvents;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;

  constructor(events: SinkEvents) {
    this.#events = events;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
  }

  pull(): void {
    this.#events.onDrain();
  }

  cancel(): void {
    this.#controller = null;
    this.#events.onClose();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#controller === null) return false;
    this.#controller.enqueue(bytes);
    return (this.#controller.desiredSize ?? 0) > 0;
  }

  end(last: Uint8Array): void {
    if (this.#controller === null) return;
    this.#controller.enqueue(last);
    this.#controller.close();
    this.cancel();
  }
}
