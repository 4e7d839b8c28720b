// Reads a body straight from Node's request: no web stream in between, which costs as much as the signature check.
import type { IncomingMessage } from "node:http";
import { batchTooLarge, bodyTimeout, collectPieces, requestAborted } from "./body.ts";
import type { BodySource, ReadLimits } from "./exchange.ts";

/** True while nobody has read from it or attached a reader; otherwise its bytes may be gone, or go to two readers. */
export function isUntouched(incoming: IncomingMessage): boolean {
  return (
    !incoming.readableDidRead &&
    incoming.readableFlowing === null &&
    !("rawBody" in incoming) &&
    incoming.listenerCount("data") === 0 &&
    incoming.listenerCount("readable") === 0
  );
}

/** The body of an untouched Node request. */
export function nodeBody(incoming: IncomingMessage): BodySource {
  return { read: (limits) => readIncoming(incoming, limits) };
}

function readIncoming(incoming: IncomingMessage, limits: ReadLimits): Promise<Uint8Array> {
  const declared = Number(incoming.headers["content-length"] ?? "0");
  if (declared > limits.maxBytes) return Promise.reject(batchTooLarge(limits.maxBytes));
  if (incoming.destroyed && !incoming.readableEnded && !incoming.complete) return Promise.reject(requestAborted());
  return new Promise((resolve, reject) => {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    const deadlineMs = Date.now() + limits.totalTimeoutMs;
    const timer = setTimeout(onIdle, Math.min(limits.idleTimeoutMs, limits.totalTimeoutMs));

    function settle(): void {
      clearTimeout(timer);
      incoming.off("data", onData);
      incoming.off("end", onEnd);
      incoming.off("error", onLost);
      incoming.off("close", onLost);
    }
    function fail(error: unknown): void {
      settle();
      incoming.pause();
      reject(error);
    }
    function onIdle(): void {
      fail(bodyTimeout());
    }
    function onData(piece: Uint8Array): void {
      bytes += piece.byteLength;
      if (bytes > limits.maxBytes) fail(batchTooLarge(limits.maxBytes));
      else if (Date.now() > deadlineMs) fail(bodyTimeout());
      else {
        pieces.push(piece);
        timer.refresh();
      }
    }
    function onEnd(): void {
      settle();
      resolve(collectPieces(pieces, bytes));
    }
    function onLost(error?: unknown): void {
      if (incoming.readableEnded) onEnd();
      else fail(requestAborted(error));
    }
    incoming.on("data", onData);
    incoming.on("end", onEnd);
    incoming.on("error", onLost);
    incoming.on("close", onLost);
  });
}
