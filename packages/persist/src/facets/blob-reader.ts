// Reading a blob, whole or in part, a chunk at a time.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Rows } from "../core/rows.ts";
import { chunkLeaf } from "./blob-content.ts";
import { chunkBytes } from "./blob-source.ts";
import { checkOptionsObject } from "./check.ts";

/** A part of a blob. Units: bytes. */
export interface BlobRange {
  /** First byte. @default 0 */
  readonly start?: number | undefined;
  /** Byte after the last. @default the blob's size */
  readonly end?: number | undefined;
}

interface Readable {
  readonly size: number;
  readonly content: { readonly id: string };
}

export interface BlobReader {
  bytes(key: string, range: BlobRange): Promise<Uint8Array | undefined>;
  stream(key: string, range: BlobRange): Promise<ReadableStream<Uint8Array> | undefined>;
  /** The chunks of a blob that was found before. */
  parts(key: string, blob: Readable, range: BlobRange): AsyncGenerator<Uint8Array>;
}

/** Errors: `invalid_option`. */
export function checkRange(range: BlobRange = {}): BlobRange {
  checkOptionsObject(range, "a blob's range", ["start", "end"]);
  for (const name of ["start", "end"] as const) {
    const value = range[name];
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
      throw new CuittyError("invalid_option", `${name} of a blob's range must be a whole number of bytes from 0, got ${String(value)}`);
    }
  }
  return range;
}

export function createBlobReader(rows: Rows, find: (key: string) => Promise<Readable | undefined>): BlobReader {
  async function* parts(key: string, blob: Readable, { start = 0, end = blob.size }: BlobRange): AsyncGenerator<Uint8Array> {
    const last = Math.min(end, blob.size);
    for (let at = start; at < last; ) {
      const index = Math.floor(at / chunkBytes);
      const begin = index * chunkBytes;
      const chunk = await chunkOf(key, blob, index);
      yield chunk.subarray(at - begin, Math.min(last - begin, chunk.length));
      at = begin + chunkBytes;
    }
  }

  async function chunkOf(key: string, blob: Readable, index: number): Promise<Uint8Array> {
    const row = await rows.get({ facet: "chunks", path: blob.content.id, leaf: chunkLeaf(index) });
    const expected = Math.min(chunkBytes, blob.size - index * chunkBytes);
    if (row?.bytes?.length === expected) return row.bytes;
    const now = await find(key);
    if (now?.content.id !== blob.content.id) {
      throw new CuittyError("blob_changed", "the blob was replaced or deleted while it was read; read it again", { retryable: true });
    }
    throw new CuittyError("corrupt", `a chunk of the blob is missing or has another size (chunk ${index}); restore a backup`);
  }

  return {
    parts,
    async bytes(key, range) {
      const blob = await find(key);
      if (!blob) return undefined;
      const { start = 0, end = blob.size } = range;
      const bytes = new Uint8Array(Math.max(0, Math.min(end, blob.size) - start));
      let offset = 0;
      for await (const part of parts(key, blob, range)) {
        bytes.set(part, offset);
        offset += part.length;
      }
      return bytes;
    },
    async stream(key, range) {
      const blob = await find(key);
      if (!blob) return undefined;
      const source = parts(key, blob, range);
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const { done, value } = await source.next();
            if (done) controller.close();
            else controller.enqueue(new Uint8Array(value));
          },
          cancel: async () => void (await source.return(undefined)),
        },
        // Nothing is read before somebody asks for it.
        { highWaterMark: 0 },
      );
    },
  };
}
