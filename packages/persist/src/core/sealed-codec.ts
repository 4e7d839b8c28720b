// Rows of an encrypted store: names are tokens, values are envelopes that hold the path, bound to their place.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import {
  type Awaitable,
  allocateBytes,
  base64UrlToBytes,
  chain,
  isPromise,
  readU32,
  textIn,
  writeU32,
  writeUtf8,
} from "../crypto/bytes.ts";
import { nonceBytes, openEnvelope, scopeOf, sealEnvelope } from "../crypto/envelope.ts";
import type { CryptoProvider } from "../crypto/providers/provider.ts";
import type { Segments } from "../crypto/segment.ts";
import type { PathToken, PathTokens } from "../crypto/tokens.ts";
import { sealedValue } from "./plain-codec.ts";
import type { Address, Facet, Located, Row, RowCodec, RowMeta, StoredRow } from "./row.ts";

/** Between a path's tokens and a leaf; not a character of base64url. */
const leafMark = "!";
/** 16 bytes as base64url. */
const tokenChars = 22;
const empty = new Uint8Array(0);
const kindJson = 0;
const kindBytes = 1;

export interface SealedCodecOptions {
  readonly provider: CryptoProvider;
  readonly segments: Segments;
  readonly tokens: PathTokens;
  readonly storeId: Uint8Array;
  /** The epoch new values are sealed under. */
  readonly epoch: () => number;
  readonly random: (size: number) => Uint8Array;
  /** Whether the adapter takes bytes; otherwise envelopes go in as text. */
  readonly bytes: boolean;
  /** Called when a row names an epoch the ring lacks, as another tab's rotation leaves it; takes over those there are now. */
  readonly refresh: () => Promise<unknown>;
}

export function createSealedCodec(options: SealedCodecOptions): RowCodec {
  const { provider, segments, tokens, storeId, random } = options;

  const scopeByFacet = new Map<Facet, Uint8Array>();
  const packed = createPacker(provider.isSync);

  function scope(facet: Facet): Uint8Array {
    const found = scopeByFacet.get(facet) ?? scopeOf(storeId, facet);
    scopeByFacet.set(facet, found);
    return found;
  }

  function locate({ facet, path, leaf }: Address): Awaitable<PathToken> {
    const found = tokens.of(facet, path);
    return leaf === undefined ? found : chain(found, ({ key, token }) => ({ path, key: key + leafMark + leaf, token }));
  }

  function open(facet: Facet, { key, token, path }: Located, envelope: Uint8Array): Awaitable<StoredRow> {
    const leafAt = key.indexOf(leafMark);
    const place = { scope: scope(facet), key, mask: token ?? tokenIn(leafAt < 0 ? key : key.slice(0, leafAt)) };
    const leaf = leafAt < 0 ? undefined : key.slice(leafAt + 1);
    const segment = segments.forReading(envelope);
    if (isPromise(segment))
      return segment.then(async (found) => unpack(await openEnvelope(provider, { segment: found, place, envelope }), { path, leaf }));
    const plaintext = openEnvelope(provider, { segment, place, envelope });
    return isPromise(plaintext) ? plaintext.then((bytes) => unpack(bytes, { path, leaf })) : unpack(plaintext, { path, leaf });
  }

  /** A key the ring lacks may have been made by another tab meanwhile. One that the store's manifest does not know either was never made. */
  async function reopen(error: unknown, at: { facet: Facet; located: Located; envelope: Uint8Array }): Promise<StoredRow> {
    if (!isCuittyError(error, "key_missing")) throw asRowError(error);
    await options.refresh();
    try {
      return await open(at.facet, at.located, at.envelope);
    } catch (again) {
      throw asRowError(again);
    }
  }

  return {
    sortsByPath: false,
    locate,
    scopeOf: (facet, prefix) => {
      const slash = prefix.lastIndexOf("/");
      return chain(slash < 0 ? tokens.facet(facet) : tokens.of(facet, prefix.slice(0, slash)), ({ key }) => key);
    },
    leavesOf: (facet, path) => chain(tokens.of(facet, path), ({ key }) => key + leafMark),
    encode: (facet, { key, token, path }, row) =>
      chain(segments.forWriting(options.epoch()), (segment) => {
        const place = { scope: scope(facet), key, mask: token! };
        const sealed = sealEnvelope(provider, { segment, place, random: random(nonceBytes), plaintext: packed(path!, row) });
        return chain(sealed, (envelope) => sealedValue.encode(options.bytes, envelope));
      }),
    decode: (facet, at, value) => {
      const envelope = sealedValue.decode(value);
      if (!envelope)
        throw new CuittyError(
          "tampered",
          "a value of an encrypted store is not sealed; it was written by something else: restore a backup",
        );
      try {
        const opened = open(facet, at, envelope);
        return isPromise(opened) ? opened.catch((error: unknown) => reopen(error, { facet, located: at, envelope })) : opened;
      } catch (error) {
        return reopen(error, { facet, located: at, envelope });
      }
    },
  };
}

/** The last link of the chain stands in the key itself: its last 22 characters. */
function tokenIn(pathKey: string): Uint8Array {
  const token = base64UrlToBytes(pathKey.slice(-tokenChars));
  if (token?.length !== 16)
    throw new CuittyError("tampered", "a row of an encrypted store has a name this store did not write; restore a backup");
  return token;
}

/** Inside an open store the key is known to be right, so a header that does not fit was changed. */
function asRowError(error: unknown): unknown {
  if (!isCuittyError(error, "wrong_key") && !isCuittyError(error, "key_missing")) return error;
  return new CuittyError("tampered", "a sealed value's header was changed, or it belongs to another store; restore a backup", {
    cause: error,
  });
}

const frameBytes = 9;
/** Rows that may need more are packed into bytes of their own. */
const scratchBytes = 64 * 1024;

/** Packs rows; all into the same bytes when the provider is done with them as it returns. */
function createPacker(isReused: boolean): (path: string, row: Row) => Uint8Array {
  const scratch = isReused ? allocateBytes(scratchBytes) : empty;
  return (path, row) => {
    const meta = row.meta ? JSON.stringify(row.meta) : "";
    const most = frameBytes + (path.length + meta.length) * 3 + (row.bytes?.length ?? row.json!.length * 3);
    const target = most <= scratch.length ? scratch : allocateBytes(most);
    return target.subarray(0, pack(target, row, { path, meta }));
  };
}

/** u8 kind, u32 path bytes, path, u32 meta bytes, meta as JSON, body. Returns the size. */
function pack(target: Uint8Array, row: Row, { path, meta }: { readonly path: string; readonly meta: string }): number {
  target[0] = row.bytes ? kindBytes : kindJson;
  const pathBytes = writeUtf8(path, target, 5);
  writeU32(pathBytes, target, 1);
  const metaAt = frameBytes + pathBytes;
  const metaBytes = meta === "" ? 0 : writeUtf8(meta, target, metaAt);
  writeU32(metaBytes, target, metaAt - 4);
  const bodyAt = metaAt + metaBytes;
  if (!row.bytes) return bodyAt + writeUtf8(row.json!, target, bodyAt);
  target.set(row.bytes, bodyAt);
  return bodyAt + row.bytes.length;
}

function unpack(
  plaintext: Uint8Array,
  { path: known, leaf }: { readonly path: string | undefined; readonly leaf: string | undefined },
): StoredRow {
  const nameEnd = 5 + readU32(plaintext, 1);
  const metaEnd = nameEnd + 4 + readU32(plaintext, nameEnd);
  const path = known ?? textIn(plaintext, 5, nameEnd);
  const meta = metaEnd === nameEnd + 4 ? undefined : (JSON.parse(textIn(plaintext, nameEnd + 4, metaEnd)) as RowMeta);
  const row =
    plaintext[0] === kindBytes
      ? { path, bytes: plaintext.subarray(metaEnd) }
      : { path, json: textIn(plaintext, metaEnd, plaintext.length) };
  if (meta === undefined && leaf === undefined) return row;
  return { ...row, ...(meta ? { meta } : {}), ...(leaf === undefined ? {} : { leaf }) };
}
