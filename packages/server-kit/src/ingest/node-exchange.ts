// Reads a body straight from Node's request: no web stream in between, which costs as much as the signature check.
import type { IncomingMessage } from "node:http";
import { isCuittyError } from "@cuitty/wire-protocol";
import { batchTooLarge, bodyTimeout, collectPieces, lingering, requestAborted } from "./body.ts";
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

async function readIncoming(incoming: IncomingMessage, limits: ReadLimits): Promise<Uint8Array> {
  const declared = Number(incoming.headers["content-length"] ?? "0");
  if (incoming.destroyed && !incoming.readableEnded && !incoming.complete) throw requestAborted();
  try {
    if (declared > limits.maxBytes) throw batchTooLarge(limits.maxBytes);
    return await collect(incoming, limits);
  } catch (error) {
    // A length that is far too much is refused at once.
    if (isCuittyError(error, "batch_too_large") && declared <= limits.maxBytes + lingering.maxBytes) await discard(incoming);
    throw error;
  }
}

interface PieceHandler {
  /** What it throws ends the reading. */
  onPiece(piece: Uint8Array): void;
  readonly idleMs: number;
  readonly totalMs: number;
}

function collect(incoming: IncomingMessage, { maxBytes, idleTimeoutMs, totalTimeoutMs, onBytes }: ReadLimits): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  const read = readPieces(incoming, {
    onPiece(piece) {
      bytes += piece.byteLength;
      if (bytes > maxBytes) throw batchTooLarge(maxBytes);
      onBytes?.(bytes);
      pieces.push(piece);
    },
    idleMs: idleTimeoutMs,
    totalMs: totalTimeoutMs,
  });
  return read.then(() => collectPieces(pieces, bytes));
}

/** Reads on for a while and keeps nothing. */
async function discard(incoming: IncomingMessage): Promise<void> {
  let bytes = 0;
  const onPiece = (piece: Uint8Array): void => {
    bytes += piece.byteLength;
    if (bytes > lingering.maxBytes) throw requestAborted();
  };
  // reason: the refusal is what counts, however much of the body could be read
  await readPieces(incoming, { onPiece, idleMs: lingering.idleMs, totalMs: lingering.totalMs }).catch(() => undefined);
}

/** Resolves at the end of the body. Errors: `request_timeout`, `invalid_request` when the client goes away. */
function readPieces(incoming: IncomingMessage, { onPiece, idleMs, totalMs }: PieceHandler): Promise<void> {
  return new Promise((resolve, reject) => {
    const deadlineMs = performance.now() + totalMs;
    let timer = setTimeout(onIdle, Math.min(idleMs, totalMs));

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
      try {
        onPiece(piece);
      } catch (error) {
        fail(error);
        return;
      }
      const leftMs = deadlineMs - performance.now();
      if (leftMs >= idleMs) timer.refresh();
      else {
        clearTimeout(timer);
        timer = setTimeout(onIdle, Math.max(0, leftMs));
      }
    }
    function onEnd(): void {
      settle();
      resolve();
    }
    function onLost(error?: unknown): void {
      if (incoming.readableEnded) onEnd();
      else fail(requestAborted(error));
    }
    incoming.on("data", onData);
    incoming.on("end", onEnd);
    incoming.on("error", onLost);
    incoming.on("close", onLost);
    // A reader before has paused it.
    incoming.resume();
  });
}
