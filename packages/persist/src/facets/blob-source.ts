// Anything that can be a blob's source, as chunks of one size.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { callSafely } from "../core/safely.ts";
import { concatBytes, utf8 } from "../crypto/bytes.ts";

/** 64 KiB: small enough to seal at once, large enough to keep rows few. */
export const chunkBytes = 64 * 1024;

/** What bytes may come from. Text is stored as UTF-8. */
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
  return isBlob(source) ? source.size : bytesIn(source)?.length;
}

/** Errors: `invalid_option` for what is no source, or a stream that somebody else reads. */
export function checkSource(source: unknown): void {
  if (typeof source === "string" || bytesIn(source) || isBlob(source)) return;
  const isObject = typeof source === "object" && source !== null;
  if (isObject && isStream(source)) {
    if (source.locked)
      throw new CuittyError("invalid_option", "the stream to put is read by somebody else already; hand over one that is free");
    return;
  }
  if (isObject && (Symbol.asyncIterator in source || Symbol.iterator in source)) return;
  throw new CuittyError("invalid_option", "a blob's source must be bytes, text, a Blob, a ReadableStream or an iterable of Uint8Array");
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
  const bytes = bytesOf(part);
  if (bytes) return bytes;
  throw new CuittyError("invalid_option", `a blob's stream must give Uint8Array, got ${part === null ? "null" : typeof part}`);
}

/** Also those of another realm, as a frame or a sandbox of Node has: `instanceof` knows only this one's. */
function bytesOf(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (!ArrayBuffer.isView(value) || tagOf(value) !== "[object Uint8Array]") return undefined;
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

function bytesIn(source: unknown): Uint8Array | undefined {
  return tagOf(source) === "[object ArrayBuffer]" ? new Uint8Array(source as ArrayBuffer) : bytesOf(source);
}

function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value);
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
  checkSource(source);
  if (typeof source === "string") return iteratedParts([utf8(source)]);
  const bytes = bytesIn(source);
  if (bytes) return iteratedParts([bytes]);
  if (isBlob(source)) return streamedParts(source.stream());
  // First, since its iterator cannot be given up in the middle of a read, and some browsers have none.
  return isStream(source) ? streamedParts(source) : iteratedParts(source as AsyncIterable<Uint8Array>);
}

function isStream(source: object): source is ReadableStream<Uint8Array> {
  return typeof (source as ReadableStream<Uint8Array>).getReader === "function";
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
