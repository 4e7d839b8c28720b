// Blobs: bytes of any size in chunks of 64 KiB, streamed in and out, stored once however many names they have.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { capabilitiesOf } from "../adapter.ts";
import { toJson } from "../core/json.ts";
import { createExclusive } from "../core/mutex.ts";
import { type Attempt, type Observed, untilUnchanged } from "../core/observed.ts";
import { checkKey } from "../core/paths.ts";
import { corruptRow, jsonOf, type Row } from "../core/row.ts";
import type { Rows } from "../core/rows.ts";
import type { Vault } from "../unlock.ts";
import { createContents } from "./blob-content.ts";
import { type BlobPutOptions, checkPut } from "./blob-put.ts";
import { type BlobRange, checkRange, createBlobReader } from "./blob-reader.ts";
import type { BlobSource } from "./blob-source.ts";
import { createUploads, type Uploaded, uploadLock } from "./blob-upload.ts";
import { checkListing } from "./check.ts";
import { type Entry, type EntryList, entryList, type ListOptions } from "./entries.ts";
import { type ChangeListener, watchRows } from "./watch.ts";

/** What is known of a blob without reading it. */
export interface BlobInfo {
  /** Bytes. */
  readonly size: number;
  /** SHA-256 over the size and the SHA-256 of every 64 KiB, hex: equal for equal bytes. */
  readonly hash: string;
  readonly contentType?: string;
  readonly metadata?: unknown;
  /** When it was put. Units: ms since 1970. */
  readonly atMs: number;
}

/** Named like records. Errors of all methods: `unsupported` when the adapter declares no blobs, `invalid_key`, `store_closed`; of reads `tampered`, `corrupt`, `blob_changed`. */
export interface Blobs {
  /** Resolves when all of it is on disk; until then the old blob stays whole. Errors: `resume_mismatch`, the signal's reason, `conflict` when another tab or process puts the same key. */
  put(key: string, source: BlobSource, options?: BlobPutOptions): Promise<BlobInfo>;
  /** The bytes, or undefined. `start` counts from 0, `end` is exclusive; both are cut to the blob's size. */
  get(key: string, range?: BlobRange): Promise<Uint8Array | undefined>;
  /** The bytes as they are read; at most one chunk is held. */
  stream(key: string, range?: BlobRange): Promise<ReadableStream<Uint8Array> | undefined>;
  info(key: string): Promise<BlobInfo | undefined>;
  has(key: string): Promise<boolean>;
  delete(key: string): Promise<void>;
  list(prefix?: string, options?: ListOptions): EntryList<Entry<BlobInfo>>;
  watch(keyOrPrefix: string, listener: ChangeListener<BlobInfo>): () => void;
  /** Bytes an interrupted put of this key has stored; 0 when there is none. Put again with `resume: true`. */
  uploadedBytes(key: string): Promise<number>;
  /** Deletes chunks nobody names any more and uploads that nobody went on with for 7 days; the store does so by itself. */
  sweep(): Promise<void>;
}

/** What the store itself needs besides. */
export interface OwnBlobs extends Blobs {
  /** Puts a blob of a key that has none; false, with the source unread, when there is one. */
  add(key: string, source: BlobSource, options: BlobPutOptions): Promise<boolean>;
  /** The info of a blob, then its bytes in parts, all of one version: what this store replaces or deletes meanwhile stays until the reading ends. */
  snapshot(key: string): AsyncGenerator<BlobInfo | Uint8Array>;
}

interface BlobRow extends BlobInfo {
  readonly content: { readonly id: string; readonly chunks: number; readonly name: string };
}

/** An upload whose bytes are all read, and what its key will name. */
interface Named {
  readonly key: string;
  readonly name: string;
  readonly uploaded: Uploaded;
  readonly row: BlobInfo;
}

const uploadLifeMs = 7 * 24 * 60 * 60 * 1000;

export interface BlobParts {
  /** The store's: others of this origin take turns of their own. */
  readonly name: string;
  readonly rows: Rows;
  readonly vault: Vault | undefined;
  readonly clock: () => number;
}

export function createBlobs({ name: storeName, rows, vault, clock }: BlobParts): OwnBlobs {
  const facet = "blobs";
  const contents = createContents(rows, vault);
  const uploads = createUploads(rows, contents, clock);
  const exclusive = createExclusive(rows.adapter.watch && `cuitty-blobs:${rows.adapter.name ?? "custom"}:${storeName}`);
  const reader = createBlobReader(rows, (key) => find(key));

  function assertAble(): void {
    if (!capabilitiesOf(rows.adapter).blobs) {
      throw new CuittyError(
        "unsupported",
        `adapter "${rows.adapter.name ?? "custom"}" declares that it cannot hold blobs; use another adapter for them`,
      );
    }
  }

  async function find(key: string, from: Pick<Observed, "get"> = rows): Promise<BlobRow | undefined> {
    assertAble();
    checkKey(key);
    const row = await from.get({ facet, path: key });
    return row && blobOf(row);
  }

  async function write(key: string, source: BlobSource, options: BlobPutOptions): Promise<BlobInfo> {
    const extra = JSON.parse(toJson({ contentType: options.contentType, metadata: options.metadata })) as object;
    const uploaded = await uploads.write(key, source, options);
    const { hash, name } = await contents.nameOf(uploaded.size, uploaded.hashes);
    const named: Named = { key, name, uploaded, row: { size: uploaded.size, hash, ...extra, atMs: clock() } };
    await exclusive("contents", () => untilUnchanged(rows, (observed) => naming(observed, named)));
    return named.row;
  }

  /** Makes an upload the blob of its key. Errors: `conflict`. */
  async function naming(observed: Observed, { key, name, uploaded, row }: Named): Promise<Attempt<void>> {
    const twin = await contents.find(observed, name);
    const old = await find(key, observed);
    const { id, chunks } = twin ?? uploaded.content;
    const blob: BlobRow = { ...row, content: { id, chunks, name } };
    const changes = await uploaded.end(observed);
    if (!twin) changes.push(...uploaded.unwritten);
    // The same bytes under the same key again: the count stays.
    const isSame = old?.content.name === name;
    if (!isSame) changes.push(...(await contents.retain(observed, name, blob.content)));
    changes.push({ type: "put", address: { facet, path: key }, row: { json: JSON.stringify(blob) } });
    if (old && !isSame) changes.push(...(await contents.release(observed, old.content.name)));
    if (twin) changes.push(...contents.discard({ ...uploaded.content, chunks: uploaded.content.chunks - uploaded.unwritten.length }));
    return { changes, result: undefined };
  }

  /** One put of a key at a time. */
  async function inTurn<T>(key: string, options: BlobPutOptions, body: () => Promise<T>): Promise<T> {
    assertAble();
    checkKey(key);
    checkPut(options);
    const { signal } = options;
    if (!signal) return exclusive(uploadLock(key), body);
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      // Only while it waits: once begun, the upload itself gives up in order.
      const abort = () => reject(signal.reason);
      signal.addEventListener("abort", abort, { once: true });
      const begin = () => {
        signal.removeEventListener("abort", abort);
        signal.throwIfAborted();
        return body();
      };
      exclusive(uploadLock(key), async () => begin()).then(resolve, reject);
    });
  }

  async function remove(key: string): Promise<void> {
    await exclusive("contents", () => untilUnchanged(rows, (observed) => removal(observed, key)));
    await exclusive("contents", contents.collect);
  }

  async function removal(observed: Observed, key: string): Promise<Attempt<void>> {
    const old = await find(key, observed);
    if (!old) return { changes: [], result: undefined };
    const released = await contents.release(observed, old.content.name);
    return { changes: [{ type: "delete", address: { facet, path: key } }, ...released], result: undefined };
  }

  async function* snapshot(key: string): AsyncGenerator<BlobInfo | Uint8Array> {
    // In turn with those that delete chunks: none may come between finding the blob and pinning its content.
    const found = await exclusive("contents", async () => {
      const blob = await find(key);
      return blob && { blob, unpin: contents.pin(blob.content.id) };
    });
    if (!found) return;
    try {
      yield publicInfo(found.blob);
      yield* reader.parts(key, found.blob, {});
    } finally {
      // What was to be deleted goes with the next put, delete or sweep.
      found.unpin();
    }
  }

  async function* iterate(prefix: string, options: ListOptions): AsyncGenerator<Entry<BlobInfo>> {
    for await (const row of rows.list(facet, prefix, options)) yield { key: row.path, value: publicInfo(blobOf(row)) };
  }

  return {
    snapshot,
    async put(key, source, options = {}) {
      const info = await inTurn(key, options, () => write(key, source, options));
      await exclusive("contents", contents.collect);
      return info;
    },
    add: (key, source, options) =>
      inTurn(key, options, async () => {
        // Looked up in its turn: another put of the key may have ended just before.
        const isNew = (await find(key)) === undefined;
        if (isNew) await write(key, source, options);
        return isNew;
      }),
    get: async (key, range) => reader.bytes(key, checkRange(range)),
    stream: async (key, range) => reader.stream(key, checkRange(range)),
    info: async (key) => {
      const row = await find(key);
      return row && publicInfo(row);
    },
    has: async (key) => (await find(key)) !== undefined,
    delete: remove,
    list: (prefix = "", options = {}) => {
      assertAble();
      return entryList(() => iterate(prefix, checkListing(prefix, options)));
    },
    watch: (target, listener) => watchRows<BlobInfo>({ rows, facet, toValue: (row) => publicInfo(blobOf(row)) }, target, listener),
    async uploadedBytes(key) {
      assertAble();
      checkKey(key);
      return uploads.storedBytes(key);
    },
    async sweep() {
      if (!capabilitiesOf(rows.adapter).blobs) return;
      await uploads.sweep(clock() - uploadLifeMs, exclusive.ifFree);
      await exclusive("contents", contents.collect);
    },
  };
}

/** Errors: `corrupt`. */
function blobOf(row: Row): BlobRow {
  const blob = jsonOf(row) as Partial<BlobRow> | null;
  const { id, chunks, name } = blob?.content ?? {};
  const isWhole = [id, name, blob?.hash].every((text) => typeof text === "string");
  if (!isWhole || ![blob?.size, chunks].every((count) => Number.isSafeInteger(count) && count! >= 0)) throw corruptRow();
  return blob as BlobRow;
}

function publicInfo({ content: _content, ...info }: BlobRow): BlobInfo {
  return info;
}
