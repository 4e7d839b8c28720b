// Where one client's bytes go: a Node response (HTTP/1 or HTTP/2) or a web stream, behind one small interface that never buffers on its own.
import type { ServerResponse } from "node:http";

export interface SinkEvents {
  /** The client took what it was given; there is room again. */
  onDrain(): void;
  /** The client is gone, or `end` was carried out. Called once. */
  onClose(): void;
}

export interface Sink {
  /** False when the client lags: nothing more should be written until `onDrain`. */
  write(bytes: Uint8Array): boolean;
  /** Ends the stream cleanly after `last`; a client that does not take it is cut off `graceMs` later. */
  end(last: Uint8Array | null, graceMs: number): void;
}

/** Headers of every stream. Neither Connection nor Transfer-Encoding: both are errors in HTTP/2. */
export const STREAM_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
};

/** Writes to a Node response whose head has not been sent yet. */
export function nodeSink(outgoing: ServerResponse, headers: Readonly<Record<string, string>>, events: SinkEvents): Sink {
  outgoing.writeHead(200, headers);
  outgoing.on("drain", events.onDrain);
  // `close` of the response, not of the request: the latter never comes once a body was read.
  outgoing.once("close", events.onClose);
  outgoing.on("error", ignore);
  return {
    write: (bytes) => outgoing.write(bytes),
    end(last, graceMs) {
      if (last !== null) outgoing.write(last);
      outgoing.end();
      if (outgoing.writableFinished) return;
      const cutOff = setTimeout(() => outgoing.destroy(), graceMs);
      cutOff.unref();
      outgoing.once("close", () => clearTimeout(cutOff));
    },
  };
}

// A write to a client that has just gone fails; `close` follows and does the work.
const ignore = (): void => {};

const webBufferBytes = 16_384;

/** A web stream that holds at most `webBufferBytes` and the one chunk that went over it. */
export function webSink(events: SinkEvents): { readonly sink: Sink; readonly body: ReadableStream<Uint8Array> } {
  let controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  let isClosed = false;
  const close = (): void => {
    if (isClosed) return;
    isClosed = true;
    controller = null;
    events.onClose();
  };
  const body = new ReadableStream<Uint8Array>(
    {
      start: (given) => {
        controller = given;
      },
      pull: () => events.onDrain(),
      cancel: close,
    },
    { highWaterMark: webBufferBytes, size: (bytes) => bytes.byteLength },
  );
  const sink: Sink = {
    write(bytes) {
      if (controller === null) return false;
      controller.enqueue(bytes);
      return (controller.desiredSize ?? 0) > 0;
    },
    end(last) {
      if (controller === null) return;
      if (last !== null) controller.enqueue(last);
      controller.close();
      close();
    },
  };
  return { sink, body };
}
