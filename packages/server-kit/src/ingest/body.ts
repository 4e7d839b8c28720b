// What every way of reading a body shares: the joined bytes and the errors.
import { CuittyError } from "@cuitty/wire-protocol";

/**
 * What is still read of a body that is too large before it is refused: most clients send all of it before they look at an answer, and one whose
 * connection is closed meanwhile sees a broken pipe in the place of the 413, and sends the same again.
 */
export const lingering = { maxBytes: 8 * 1024 * 1024, idleMs: 500, totalMs: 2_000 } as const;

/** One piece is handed on without a copy, the usual case below 64 KiB. */
export function collectPieces(pieces: readonly Uint8Array[], bytes: number): Uint8Array {
  if (pieces.length === 1) return pieces[0] as Uint8Array;
  const joined = new Uint8Array(bytes);
  let offset = 0;
  for (const piece of pieces) {
    joined.set(piece, offset);
    offset += piece.byteLength;
  }
  return joined;
}

export function batchTooLarge(maxBytes: number): CuittyError {
  return new CuittyError("batch_too_large", `Expected a body of at most ${maxBytes} bytes; split the batch into smaller ones`, {
    details: { limit: maxBytes },
  });
}

export function bodyTimeout(): CuittyError {
  return new CuittyError("request_timeout", "The body did not arrive in time; send it again", { retryable: true });
}

export function requestAborted(cause?: unknown): CuittyError {
  return new CuittyError("invalid_request", "The client went away before its body was complete", { cause });
}

/** Names the fix, as this is always a matter of mounting order. */
export function bodyConsumed(): CuittyError {
  return new CuittyError(
    "body_already_consumed",
    "The request body was read before the kit could read its exact bytes; mount the kit before body parsers, or keep them off its paths",
  );
}
