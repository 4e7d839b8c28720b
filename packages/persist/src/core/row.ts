// A row and where it stands: the shape both codecs turn into what an adapter stores.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Awaitable } from "../crypto/bytes.ts";

/** Facets keep apart what users name (records, kv, blobs, events) and what the store needs for itself. */
export type Facet = "records" | "kv" | "blobs" | "events" | "chunks" | "contents" | "uploads" | "garbage" | "meta";

export interface Address {
  readonly facet: Facet;
  readonly path: string;
  /** Orders rows under one path: an event's id, a chunk's number. Fixed width per facet, never a user's text. */
  readonly leaf?: string;
}

export interface RowMeta {
  /** Schema version of a record. */
  readonly v?: number;
  /** When a kv entry ends. Units: ms since 1970. */
  readonly x?: number;
}

/** JSON text or bytes, never both. */
export interface Row {
  readonly json?: string;
  readonly bytes?: Uint8Array;
  readonly meta?: RowMeta;
}

export interface StoredRow extends Row {
  readonly path: string;
  readonly leaf?: string;
}

/** Where a row stands in the adapter. */
export interface Located {
  readonly key: string;
  /** The path's token, in an encrypted store. */
  readonly token?: Uint8Array;
  /** The path, where the caller knows it; reading it out of the row is then spared. */
  readonly path?: string;
}

/** Names and encodes rows: readable in a plain store, sealed in an encrypted one. */
export interface RowCodec {
  /** The adapter's key of an address. */
  locate(address: Address): Awaitable<Located>;
  /** A key prefix under which every row with that path prefix stands, perhaps with others. */
  scopeOf(facet: Facet, prefix: string): Awaitable<string>;
  /** Keys of leaves under one path start with it. */
  leavesOf(facet: Facet, path: string): Awaitable<string>;
  /** Whether keys sort as paths do, so that a page can be read without reading all. */
  readonly sortsByPath: boolean;
  /** The value that stands there. */
  encode(facet: Facet, at: Located, row: Row): Awaitable<unknown>;
  /** Errors: `tampered`, `corrupt`, `newer_format`. */
  decode(facet: Facet, at: Located, value: unknown): Awaitable<StoredRow>;
}

/** The value of a row of JSON. Errors: `corrupt`, without a cause: that would quote the row. */
export function jsonOf(row: Row): unknown {
  try {
    return JSON.parse(row.json!) as unknown;
  } catch {
    throw corruptRow();
  }
}

export function corruptRow(): CuittyError {
  return new CuittyError(
    "corrupt",
    "a stored row is not what this store wrote: another program changed it, or it is damaged; restore a backup",
  );
}

/** One string for an address, for bookkeeping in memory. */
export function addressId({ facet, path, leaf }: Address): string {
  return leaf === undefined ? `${facet}\0${path}` : `${facet}\0${path}\0${leaf}`;
}
