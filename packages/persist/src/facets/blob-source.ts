// Anything that can be a blob's source, as chunks of one size.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { callSafely } from "../core/safely.ts";
import { concatBytes, utf8 } from "../crypto/bytes.ts";

/** 64 KiB: small enough to seal at once, large enough to keep rows few. */
export const chunkBytes = 64 * 1024;

export type BlobSource =
  | Uint8Array
  | ArrayBuffer
  | Blob
  | string
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | Iterable<Uint8Array>;

/** How many bytes the source has, where it says so. */
export function sizeOf(source: BlobSource): number | undefined {
  if (typeof source === "string") return utf8(source).length;
  if (source instanceof Uint8Array || source instanceof ArrayBuffer) return source.byteLength;
  return isBlob(source) ? source.size : undefined;
}

/**
 * Chunks of 64 KiB, the last one shorter. A source that is not read to its end is given up: a stream is cancelled, an iterator returned.
 * Errors: `invalid_option` for a source that is none, the signal's reason, at once also while the source stalls.
 */
export async function* chunksOf(source: BlobSource, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let size = 0;
  const reading = partsOf(source);
  let isDone = false;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const next = await (signal ? unlessAborted(reading.next(), signal) : reading.next());
      if (next.done) break;
      let rest = checkedPart(next.value);
      while (size + rest.length >= chunkBytes) {
        const head = rest.subarray(0, chunkBytes - size);
        yield concatBytes(...parts, head);
        rest = rest.subarray(head.length);
        parts = [];
        size = 0;
      }
      // A stream may reuse its buffer for the next part, and `slice` of a Buffer does not copy.
      if (rest.length > 0) parts.push(new Uint8Array(rest));
      size += rest.length;
    }
    isDone = true;
  } finally {
    // Not awaited: a source that stalls may never be done with that either.
    if (!isDone) callSafely(reading.giveUp, () => undefined);
  }
  if (size > 0) yield concatBytes(...parts);
}

function checkedPart(part: unknown): Uint8Array {
  if (part instanceof Uint8Array) return part;
  throw new CuittyError("invalid_option", `a blob's stream must give Uint8Array, got ${part === null ? "null" : typeof part}`);
}

/** A listener per read, not one promise for all: that would remember every read until the upload ends. */
function unlessAborted<T>(read: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const done = () => signal.removeEventListener("abort", abort);
    read.then(resolve, reject).finally(done);
  });
}

interface Parts {
  next(): Promise<{ readonly done?: boolean | undefined; readonly value?: unknown }>;
  /** Also in the middle of a `next`. */
  giveUp(): unknown;
}

function partsOf(source: BlobSource): Parts {
  if (typeof source === "string") return iteratedParts([utf8(source)]);
  if (source instanceof Uint8Array) return iteratedParts([source]);
  if (source instanceof ArrayBuffer) return iteratedParts([new Uint8Array(source)]);
  if (isBlob(source)) return streamedParts(source.stream());
  if (typeof source === "object" && source !== null) {
    // First, since its iterator cannot be given up in the middle of a read, and some browsers have none.
    if (typeof (source as ReadableStream<Uint8Array>).getReader === "function") return streamedParts(source as ReadableStream<Uint8Array>);
    if (Symbol.asyncIterator in source || Symbol.iterator in source) return iteratedParts(source as AsyncIterable<Uint8Array>);
  }
  throw new CuittyError("invalid_option", "a blob's source must be bytes, text, a Blob, a ReadableStream or an iterable of Uint8Array");
}

function isBlob(source: unknown): source is Blob {
  return typeof Blob !== "undefined" && source instanceof Blob;
}

function iteratedParts(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Parts {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  return {
    async next() {
      const { done, value } = await iterator.next();
      return done ? { done } : { value: (await value) as unknown };
    },
    giveUp() {
      const { destroy } = source as { destroy?: () => unknown };
      // A stream of Node, whose iterator would first wait for the read it is in.
      return typeof destroy === "function" ? destroy.call(source) : iterator.return?.();
    },
  };
}

function streamedParts(stream: ReadableStream<Uint8Array>): Parts {
  const reader = stream.getReader();
  return { next: () => reader.read(), giveUp: () => reader.cancel() };
}
