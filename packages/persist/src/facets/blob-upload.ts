// Writing a blob: chunks as they come, then one commit that names them. An interrupted upload can be taken up again.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Exclusive } from "../core/mutex.ts";
import { untilUnchanged } from "../core/observed.ts";
import { jsonOf } from "../core/row.ts";
import type { RowChange, Rows } from "../core/rows.ts";
import { equalBytes } from "../crypto/bytes.ts";
import { type Claim, createClaim, findUpload, forgetUpload, type UploadRow } from "./blob-claim.ts";
import { type Content, type Contents, chunkLeaf, newContentId } from "./blob-content.ts";
import { type BlobSource, checkSource, chunkBytes, chunksOf, sizeOf } from "./blob-source.ts";

/** Chunks per commit: 1 MiB. */
const flushChunks = 16;

/** How far a put is. Units: bytes. */
export interface BlobProgress {
  readonly storedBytes: number;
  /** Undefined for a stream, which does not say. */
  readonly totalBytes: number | undefined;
}

export interface UploadOptions {
  readonly onProgress?: ((progress: BlobProgress) => void) | undefined;
  /** Goes on after the chunks an interrupted put of this key left. @default false: they are dropped */
  readonly resume?: boolean | undefined;
  /** With `resume`: the source starts at this byte, which must be what `uploadedBytes` says. @default 0: the source is the whole blob */
  readonly from?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Name of the turn that puts of a key take. */
export function uploadLock(key: string): string {
  return `key:${key}`;
}

export interface Uploaded {
  readonly content: Content;
  readonly size: number;
  readonly hashes: readonly Uint8Array[];
  /** Chunks not written yet: a small blob commits in one step with the row that names it. */
  readonly unwritten: readonly RowChange[];
  /** Changes that forget the upload, when the blob gets its name. Errors: `conflict` when its chunks may be gone. */
  readonly end: Claim["end"];
}

export interface Uploads {
  /** Of the upload of a key, from where it can go on. */
  storedBytes(key: string): Promise<number>;
  write(key: string, source: BlobSource, options: UploadOptions): Promise<Uploaded>;
  /** Drops uploads that were last written to before `beforeMs`; `ifFree` keeps it from one whose key is being put. */
  sweep(beforeMs: number, ifFree: Exclusive["ifFree"]): Promise<void>;
}

interface Begun {
  readonly claim: Claim;
  /** Of the chunks that are stored. */
  readonly hashes: Uint8Array[];
}

export function createUploads(rows: Rows, contents: Contents, clock: () => number): Uploads {
  async function wholeChunk(id: string, index: number): Promise<Uint8Array | undefined> {
    const row = await rows.get({ facet: "chunks", path: id, leaf: chunkLeaf(index) });
    return row?.bytes?.length === chunkBytes ? row.bytes : undefined;
  }

  async function hashesOf({ id, chunks }: Content): Promise<Uint8Array[]> {
    const hashes: Uint8Array[] = [];
    for (let i = 0; i < chunks; i++) {
      const bytes = await wholeChunk(id, i);
      if (!bytes) break;
      hashes.push(await contents.sha256(bytes));
    }
    return hashes;
  }

  /** Drops the upload of a key if it is one that may go. */
  function drop(key: string, mayGo: (upload: UploadRow) => boolean): Promise<void> {
    return untilUnchanged(rows, async (observed) => {
      const upload = await findUpload(observed, key);
      const changes = upload && mayGo(upload) ? [...contents.discard(upload), forgetUpload(key)] : [];
      return { changes, result: undefined };
    });
  }

  async function begin(key: string, { resume = false, from = 0 }: UploadOptions): Promise<Begun> {
    if (!resume) await drop(key, () => true);
    const left = resume ? await findUpload(rows, key) : undefined;
    const hashes = left ? await hashesOf(left) : [];
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
    const claim = createClaim({ rows, key, id: left?.id ?? newContentId(), clock });
    // Its time starts anew: a sweep, also of another tab, takes it for abandoned no more.
    if (left) await claim.take(left, hashes.length, contents.cut(left, hashes.length));
    return { claim, hashes };
  }

  return {
    async storedBytes(key) {
      const left = await findUpload(rows, key);
      let chunks = left?.chunks ?? 0;
      // An earlier release counted a short last chunk too; and without atomic batches the row may be ahead of its chunks.
      while (chunks > 0 && !(await wholeChunk(left!.id, chunks - 1))) chunks--;
      return chunks * chunkBytes;
    },
    async write(key, source, options) {
      const { signal, onProgress, from = 0 } = options;
      // It may have waited for its turn.
      signal?.throwIfAborted();
      // Before anything is dropped.
      checkSource(source);
      const { claim, hashes } = await begin(key, options);
      const { id, end } = claim;
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
        // A short chunk is the last one: an upload holds whole ones, which can be gone on from.
        if (unwritten.length >= flushChunks && chunk.length === chunkBytes) {
          await claim.store(unwritten, index);
          unwritten = [];
        }
        onProgress?.({ storedBytes: size, totalBytes });
      }
      if (index < known)
        throw new CuittyError("resume_mismatch", "the source is shorter than what the interrupted upload stored; put it without `resume`");
      return { content: { id, chunks: index }, size, hashes, unwritten, end };
    },
    async sweep(beforeMs, ifFree) {
      for await (const row of rows.list("uploads", "", {})) {
        const isOld = ({ atMs }: UploadRow) => atMs < beforeMs;
        // Looked at anew in its turn: it may have been taken up since it was listed.
        if (isOld(jsonOf(row) as UploadRow)) await ifFree(uploadLock(row.path), () => drop(row.path, isOld));
      }
    },
  };
}
