// Anything that can be a blob's source, as chunks of one size.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
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

/** Chunks of 64 KiB, the last one shorter. Errors: `invalid_option` for a source that is none. */
export async function* chunksOf(source: BlobSource): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of partsOf(source)) {
    if (!(part instanceof Uint8Array))
      throw new CuittyError("invalid_option", `a blob's stream must give Uint8Array, got ${part === null ? "null" : typeof part}`);
    let rest = part;
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
  if (size > 0) yield concatBytes(...parts);
}

function partsOf(source: BlobSource): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  if (typeof source === "string") return [utf8(source)];
  if (source instanceof Uint8Array) return [source];
  if (source instanceof ArrayBuffer) return [new Uint8Array(source)];
  if (isBlob(source)) return streamParts(source.stream());
  if (typeof source === "object" && source !== null) {
    if (Symbol.asyncIterator in source) return source as AsyncIterable<Uint8Array>;
    if (Symbol.iterator in source) return source as Iterable<Uint8Array>;
    if (typeof (source as ReadableStream<Uint8Array>).getReader === "function") return streamParts(source as ReadableStream<Uint8Array>);
  }
  throw new CuittyError("invalid_option", "a blob's source must be bytes, text, a Blob, a ReadableStream or an iterable of Uint8Array");
}

function isBlob(source: unknown): source is Blob {
  return typeof Blob !== "undefined" && source instanceof Blob;
}

/** Browsers that cannot iterate a ReadableStream can read it. */
async function* streamParts(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
