// Contents of blobs: chunks under a random id, found again by hash, counted by the blobs that use them.

import { canCompare } from "../adapter.ts";
import type { Observed } from "../core/observed.ts";
import { jsonOf } from "../core/row.ts";
import type { RowChange, Rows } from "../core/rows.ts";
import { bytesToBase64Url, bytesToHex, concatBytes, u32 } from "../crypto/bytes.ts";
import { type CryptoProvider, loadProvider, randomBytes } from "../crypto/providers/provider.ts";
import type { Vault } from "../unlock.ts";

/** Chunks deleted together with the row that named them; more go in slices afterwards, remembered in a garbage row. */
const smallChunks = 32;
const sliceChunks = 256;

export interface Content {
  readonly id: string;
  readonly chunks: number;
}

interface ContentRow extends Content {
  readonly refs: number;
}

export interface Contents {
  sha256(data: Uint8Array): Promise<Uint8Array>;
  /** Name of a content: of its size and the hashes of its chunks, keyed in an encrypted store; a new one where equal bytes cannot be shared. */
  nameOf(size: number, hashes: readonly Uint8Array[]): Promise<{ readonly hash: string; readonly name: string }>;
  find(observed: Observed, name: string): Promise<Content | undefined>;
  /** Changes that count one more user of a content; to be committed by what observed it, as are those of `release`. */
  retain(observed: Observed, name: string, content: Content): Promise<RowChange[]>;
  /** Changes that count one user less, and delete what nobody uses. */
  release(observed: Observed, name: string): Promise<RowChange[]>;
  /** Changes that drop chunks no row names yet. */
  discard(content: Content): RowChange[];
  /** Changes that drop the chunks of an upload from that number on. */
  cut(content: Content, from: number): RowChange[];
  /** Deletes what garbage rows name. */
  collect(): Promise<void>;
  /** Keeps the chunks of a content until the function returned is called, also when nobody uses it any more. */
  pin(id: string): () => void;
}

export function newContentId(): string {
  return bytesToBase64Url(randomBytes(16));
}

/** Eight hexadecimal digits, so that chunks sort by number. */
export function chunkLeaf(index: number): string {
  return index.toString(16).padStart(8, "0");
}

export function createContents(rows: Rows, vault: Vault | undefined): Contents {
  let provider: Promise<CryptoProvider> | undefined;
  const facet = "contents";
  const pinsById = new Map<string, number>();

  async function sha256(data: Uint8Array): Promise<Uint8Array> {
    provider ??= vault ? Promise.resolve(vault.provider) : loadProvider();
    return (await provider).sha256(data);
  }

  async function read(observed: Observed, name: string): Promise<ContentRow | undefined> {
    const row = await observed.get({ facet, path: name });
    return row && (jsonOf(row) as ContentRow);
  }

  function put(name: string, row: ContentRow): RowChange {
    return { type: "put", address: { facet, path: name }, row: { json: JSON.stringify(row) } };
  }

  function discard(content: Content): RowChange[] {
    if (content.chunks > smallChunks || pinsById.has(content.id))
      return [{ type: "put", address: { facet: "garbage", path: content.id }, row: { json: JSON.stringify(content) } }];
    return chunkDeletes(content, 0, content.chunks);
  }

  async function collectOne(content: Content): Promise<void> {
    for (let from = 0; from < content.chunks; from += sliceChunks) {
      await rows.commit(chunkDeletes(content, from, Math.min(from + sliceChunks, content.chunks)));
    }
    await rows.commit([{ type: "delete", address: { facet: "garbage", path: content.id } }]);
  }

  return {
    sha256,
    async nameOf(size, hashes) {
      const root = await sha256(concatBytes(u32(Math.floor(size / 2 ** 32)), u32(size >>> 0), ...hashes));
      const hash = bytesToHex(root);
      // Users that others may count at the same time would be miscounted, and bytes deleted that are in use: each blob gets bytes of its own.
      if (!canCompare(rows.adapter)) return { hash, name: newContentId() };
      return { hash, name: vault ? await vault.tokens.content(root) : hash };
    },
    find: read,
    async retain(observed, name, content) {
      const known = await read(observed, name);
      return [put(name, known ? { ...known, refs: known.refs + 1 } : { ...content, refs: 1 })];
    },
    async release(observed, name) {
      const known = await read(observed, name);
      if (!known) return [];
      if (known.refs > 1) return [put(name, { ...known, refs: known.refs - 1 })];
      return [{ type: "delete", address: { facet, path: name } }, ...discard(known)];
    },
    discard,
    cut: (content, from) => chunkDeletes(content, from, content.chunks),
    async collect() {
      for await (const row of rows.list("garbage", "", {})) if (!pinsById.has(row.path)) await collectOne(jsonOf(row) as Content);
    },
    pin(id) {
      pinsById.set(id, (pinsById.get(id) ?? 0) + 1);
      return () => {
        const left = pinsById.get(id)! - 1;
        if (left > 0) pinsById.set(id, left);
        else pinsById.delete(id);
      };
    },
  };
}

function chunkDeletes({ id }: Content, from: number, to: number): RowChange[] {
  const changes: RowChange[] = [];
  for (let i = from; i < to; i++) changes.push({ type: "delete", address: { facet: "chunks", path: id, leaf: chunkLeaf(i) } });
  return changes;
}
