// Writing a blob: chunks as they come, then one commit that names them. An interrupted upload can be taken up again.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Exclusive } from "../core/mutex.ts";
import { jsonOf } from "../core/row.ts";
import type { RowChange, Rows } from "../core/rows.ts";
import { equalBytes } from "../crypto/bytes.ts";
import { type Content, type Contents, chunkLeaf, newContentId } from "./blob-content.ts";
import { type BlobSource, chunkBytes, chunksOf, sizeOf } from "./blob-source.ts";

/** Chunks per commit: 1 MiB. */
const flushChunks = 16;

export interface BlobProgress {
  readonly storedBytes: number;
  /** Undefined for a stream, which does not say. */
  readonly totalBytes: number | undefined;
}

export interface UploadOptions {
  readonly onProgress?: (progress: BlobProgress) => void;
  /** Goes on after the chunks an interrupted put of this key left. @default false: they are dropped */
  readonly resume?: boolean;
  /** With `resume`: the source starts at this byte, which must be what `uploadedBytes` says. @default 0: the source is the whole blob */
  readonly from?: number;
  readonly signal?: AbortSignal;
}

/** Name of the turn that puts of a key take. */
export function uploadLock(key: string): string {
  return `key:${key}`;
}

interface UploadRow extends Content {
  readonly atMs: number;
}

export interface Uploaded {
  readonly content: Content;
  readonly size: number;
  readonly hashes: readonly Uint8Array[];
  /** Chunks not written yet: a small blob commits in one step with the row that names it. */
  readonly unwritten: readonly RowChange[];
}

export interface Uploads {
  find(key: string): Promise<UploadRow | undefined>;
  write(key: string, source: BlobSource, options: UploadOptions): Promise<Uploaded>;
  /** The change that forgets the upload of a key. */
  forget(key: string): RowChange;
  /** Drops uploads that were last written to before `beforeMs`; `ifFree` keeps it from one whose key is being put. */
  sweep(beforeMs: number, ifFree: Exclusive["ifFree"]): Promise<void>;
}

export function createUploads(rows: Rows, contents: Contents, clock: () => number): Uploads {
  async function find(key: string): Promise<UploadRow | undefined> {
    const row = await rows.get({ facet: "uploads", path: key });
    return row && (jsonOf(row) as UploadRow);
  }

  function forget(key: string): RowChange {
    return { type: "delete", address: { facet: "uploads", path: key } };
  }

  function note(key: string, content: Content): RowChange {
    const row: UploadRow = { ...content, atMs: clock() };
    return { type: "put", address: { facet: "uploads", path: key }, row: { json: JSON.stringify(row) } };
  }

  async function hashesOf({ id, chunks }: Content): Promise<Uint8Array[]> {
    const hashes: Uint8Array[] = [];
    for (let i = 0; i < chunks; i++) {
      const row = await rows.get({ facet: "chunks", path: id, leaf: chunkLeaf(i) });
      // Without atomic batches the note may be ahead of its chunks.
      if (row?.bytes?.length !== chunkBytes) break;
      hashes.push(await contents.sha256(row.bytes));
    }
    return hashes;
  }

  /** Taken up or ended since it was listed: looked at anew. */
  async function dropOld(key: string, beforeMs: number): Promise<void> {
    const upload = await find(key);
    if (upload && upload.atMs < beforeMs) await rows.commit([...contents.discard(upload), forget(key)]);
  }

  async function begin(key: string, { resume = false, from = 0 }: UploadOptions): Promise<{ id: string; hashes: Uint8Array[] }> {
    const left = await find(key);
    if (left && !resume) await rows.commit([...contents.discard(left), forget(key)]);
    const hashes = left && resume ? await hashesOf(left) : [];
    const stored = hashes.length * chunkBytes;
    if (from !== 0 && from !== stored) {
      throw new CuittyError(
        "resume_mismatch",
        `${stored} bytes of this upload are stored, the source starts at ${from}; start it at what blobs.uploadedBytes says`,
        {
          details: { storedBytes: stored },
        },
      );
    }
    if (!left || !resume) return { id: newContentId(), hashes };
    // It starts its time anew: a sweep, also of another tab, takes it for abandoned no more.
    await rows.commit([note(key, { id: left.id, chunks: hashes.length })]);
    return { id: left.id, hashes };
  }

  return {
    find,
    forget,
    async write(key, source, options) {
      const { signal, onProgress, from = 0 } = options;
      // It may have waited for its turn.
      signal?.throwIfAborted();
      const { id, hashes } = await begin(key, options);
      const known = hashes.length;
      const announced = sizeOf(source);
      const totalBytes = announced === undefined ? undefined : announced + from;
      let unwritten: RowChange[] = [];
      let index = from / chunkBytes;
      let size = from;
      for await (const chunk of chunksOf(source, signal)) {
        signal?.throwIfAborted();
        size += chunk.length;
        const hash = await contents.sha256(chunk);
        if (index < known) {
          if (!equalBytes(hash, hashes[index]!)) {
            throw new CuittyError("resume_mismatch", "the source differs from what the interrupted upload stored; put it without `resume`");
          }
        } else {
          hashes.push(hash);
          unwritten.push({ type: "put", address: { facet: "chunks", path: id, leaf: chunkLeaf(index) }, row: { bytes: chunk } });
        }
        index++;
        if (unwritten.length >= flushChunks) {
          await rows.commit([...unwritten, note(key, { id, chunks: index })]);
          unwritten = [];
        }
        onProgress?.({ storedBytes: size, totalBytes });
      }
      if (index < known)
        throw new CuittyError("resume_mismatch", "the source is shorter than what the interrupted upload stored; put it without `resume`");
      return { content: { id, chunks: index }, size, hashes, unwritten };
    },
    async sweep(beforeMs, ifFree) {
      for await (const row of rows.list("uploads", "", {})) {
        if ((jsonOf(row) as UploadRow).atMs < beforeMs) await ifFree(uploadLock(row.path), () => dropOld(row.path, beforeMs));
      }
    },
  };
}
