// Rows of a store that is not encrypted: readable keys, values as JSON that other tools can read.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { base64UrlToBytes, bytesToBase64Url } from "../crypto/bytes.ts";
import { type Address, corruptRow, type Facet, jsonOf, type Row, type RowCodec, type RowMeta } from "./row.ts";

/** In front of JSON text with meta data; no JSON text starts with it. */
const metaMark = "\u0001";

export function createPlainCodec({ bytes }: { readonly bytes: boolean }): RowCodec {
  return {
    locate: (address) => (address.leaf === undefined ? { key: keyOf(address), path: address.path } : { key: keyOf(address) }),
    scopeOf: (facet, prefix) => `${facet}/${prefix}`,
    leavesOf: (facet, path) => keyOf({ facet, path, leaf: "" }),
    sortsByPath: true,
    encode: (_facet, _at, row) => (bytes ? encodeText(row) : encodeJson(row)),
    decode: (facet, { key, path }, value) => {
      // Nearly every row is this one, and a spread of parts costs it as much as SQLite's own search.
      if (bytes && typeof value === "string" && !value.startsWith(metaMark) && !leafFacets.has(facet))
        return { path: path ?? key.slice(facet.length + 1), json: value };
      // Chunks hold a user's bytes, which may be any: the start of an envelope too.
      if (facet !== "chunks") assertReadable(value);
      return { ...placeOf(facet, key), ...(bytes ? decodeText(value) : decodeJson(value)) };
    },
  };
}

function keyOf({ facet, path, leaf }: Address): string {
  // The length in front keeps a path that ends like another's leaf apart from it.
  return leaf === undefined ? `${facet}/${path}` : `${facet}/${path.length}:${path}/${leaf}`;
}

const leafFacets: ReadonlySet<Facet> = new Set(["events", "chunks"]);

function placeOf(facet: Facet, key: string): { path: string; leaf?: string } {
  const name = key.slice(facet.length + 1);
  if (!leafFacets.has(facet)) return { path: name };
  const colon = name.indexOf(":");
  const end = colon + 1 + Number(name.slice(0, colon));
  return { path: name.slice(colon + 1, end), leaf: name.slice(end + 1) };
}

function encodeText(row: Row): unknown {
  if (row.bytes) return row.bytes;
  return row.meta ? `${metaMark}${JSON.stringify(row.meta)}\n${row.json}` : row.json;
}

function decodeText(value: unknown): Row {
  if (value instanceof Uint8Array) return { bytes: value };
  if (typeof value !== "string") throw corruptRow();
  if (!value.startsWith(metaMark)) return { json: value };
  const end = value.indexOf("\n");
  const meta = jsonOf({ json: value.slice(metaMark.length, end) });
  if (typeof meta !== "object" || meta === null) throw corruptRow();
  return { json: value.slice(end + 1), meta };
}

/** Wraps what JSON alone cannot say; an ordinary value stands as it is. */
interface Wrapped {
  readonly $cuitty: 1;
  readonly value?: unknown;
  readonly meta?: RowMeta;
  readonly bytes?: string;
  readonly sealed?: string;
}

function isWrapped(value: unknown): value is Wrapped {
  return typeof value === "object" && value !== null && (value as Wrapped).$cuitty === 1;
}

/** Rows of this store that are not chunks are JSON. */
function assertReadable(value: unknown): void {
  const isBytes = value instanceof Uint8Array;
  if ((isWrapped(value) && value.sealed !== undefined) || (isBytes && value[0] === 0x43 && value[1] === 0x4b && value[2] === 1)) {
    throw new CuittyError("store_encrypted", "the store holds an encrypted value; open it with encrypt: true and its key");
  }
  if (isBytes || (isWrapped(value) && value.bytes !== undefined)) throw corruptRow();
}

function encodeJson(row: Row): unknown {
  if (row.bytes) return { $cuitty: 1, bytes: bytesToBase64Url(row.bytes) } satisfies Wrapped;
  const value = JSON.parse(row.json!) as unknown;
  // null would read as "no row".
  const isPlain = row.meta === undefined && value !== null && !(typeof value === "object" && "$cuitty" in value);
  return isPlain ? value : ({ $cuitty: 1, value, ...(row.meta ? { meta: row.meta } : {}) } satisfies Wrapped);
}

function decodeJson(value: unknown): Row {
  if (!isWrapped(value)) return { json: JSON.stringify(value) };
  if (value.bytes === undefined) return { json: JSON.stringify(value.value), ...(value.meta ? { meta: value.meta } : {}) };
  const bytes = base64UrlToBytes(value.bytes);
  if (!bytes) throw corruptRow();
  return { bytes };
}

/** Sealed bytes as the adapter takes them, and back. */
export const sealedValue = {
  encode: (bytes: boolean, envelope: Uint8Array): unknown =>
    bytes ? envelope : ({ $cuitty: 1, sealed: bytesToBase64Url(envelope) } satisfies Wrapped),
  decode: (value: unknown): Uint8Array | undefined => {
    if (value instanceof Uint8Array) return value;
    return isWrapped(value) && typeof value.sealed === "string" ? base64UrlToBytes(value.sealed) : undefined;
  },
};
