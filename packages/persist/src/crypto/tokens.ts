// Names of rows in an encrypted store: an HMAC chain over the segments of a path, so that a prefix can be listed and nothing be read.
import { type Awaitable, bytesToBase64Url, chain, concatBytes, isPromise, lengthPrefixed, utf8 } from "./bytes.ts";
import { hkdf } from "./primitives.ts";
import type { CryptoProvider, PreparedKey } from "./providers/provider.ts";

const tokenBytes = 16;
const cachedTokens = 16_384;
/** Characters that stand for the facet in front of a key: 36 bits, enough to keep a dozen facets apart. */
const facetChars = 6;
/** Not the name of a facet. */
const facetRoots = "";

export interface PathToken {
  readonly path: string;
  /** Printable: 6 characters for the facet, 22 for each segment. */
  readonly key: string;
  /** 16 bytes, the last link of the chain; masks the nonces of the path's rows. */
  readonly token: Uint8Array;
}

export interface PathTokens {
  /** Token of a path, its segments split at "/". */
  of(facet: string, path: string): Awaitable<PathToken>;
  /** Token of everything in a facet. */
  facet(facet: string): Awaitable<PathToken>;
  /** 16 bytes for a key that is not made of a path. */
  mask(key: string): Awaitable<Uint8Array>;
  /** Name of a blob's content inside this store: HMAC of its hash, so that equal blobs of two stores do not correlate. */
  content(hash: Uint8Array): Awaitable<string>;
}

export interface PathTokenSource {
  readonly provider: CryptoProvider;
  readonly storeId: Uint8Array;
  /** The key of the store's first epoch: names stay when values are sealed anew. */
  readonly rootKey: Uint8Array;
}

export async function createPathTokens({ provider, storeId, rootKey }: PathTokenSource): Promise<PathTokens> {
  const nameKey = await keyFor(provider, rootKey, { storeId, purpose: "names" });
  const contentKey = await keyFor(provider, rootKey, { storeId, purpose: "contents" });
  const cacheByFacet = new Map<string, Map<string, PathToken>>();

  function cacheOf(name: string): Map<string, PathToken> {
    const cache = cacheByFacet.get(name) ?? new Map<string, PathToken>();
    cacheByFacet.set(name, cache);
    return cache;
  }

  function remember(cache: Map<string, PathToken>, path: string, found: PathToken): PathToken {
    if (cache.size >= cachedTokens) makeRoom(cache);
    cache.set(path, found);
    return found;
  }

  function facet(name: string): Awaitable<PathToken> {
    const cache = cacheOf(facetRoots);
    const known = cache.get(name);
    if (known) return known;
    return chain(provider.hmac(nameKey, lengthPrefixed(storeId, utf8(name))), (digest) => {
      const token = tokenOf(digest);
      return remember(cache, name, { path: "", key: bytesToBase64Url(token).slice(0, facetChars), token });
    });
  }

  function of(name: string, path: string): Awaitable<PathToken> {
    return tokenAt(name, path, !provider.isSync);
  }

  /** Parents are kept, they serve many rows. A last link costs two hashes: less than keeping it, unless the provider answers with promises. */
  function tokenAt(name: string, path: string, isKept: boolean): Awaitable<PathToken> {
    const cache = cacheByFacet.get(name) ?? cacheOf(name);
    const known = cache.get(path);
    if (known) return known;
    const slash = path.lastIndexOf("/");
    const parent = slash < 0 ? facet(name) : tokenAt(name, path.slice(0, slash), true);
    const segment = path.slice(slash + 1);
    return isPromise(parent)
      ? parent.then((found) => link(found, segment, { cache, path, isKept }))
      : link(parent, segment, { cache, path, isKept });
  }

  function link(
    parent: PathToken,
    segment: string,
    to: { cache: Map<string, PathToken>; path: string; isKept: boolean },
  ): Awaitable<PathToken> {
    return chain(provider.hmac(nameKey, concatBytes(parent.token, utf8(segment))), (digest) => {
      const token = tokenOf(digest);
      const found = { path: to.path, key: parent.key + bytesToBase64Url(token), token };
      return to.isKept ? remember(to.cache, to.path, found) : found;
    });
  }

  return {
    of,
    facet,
    mask: (key) => provider.hmac(nameKey, lengthPrefixed(utf8("mask"), utf8(key))),
    content: (hash) => chain(provider.hmac(contentKey, hash), (digest) => bytesToBase64Url(tokenOf(digest))),
  };
}

/** Many at once: the first name of a Map is found by stepping over all that were deleted before it. */
function makeRoom(cache: Map<string, PathToken>): void {
  for (const path of cache.keys()) {
    if (cache.size <= cachedTokens - cachedTokens / 8) return;
    cache.delete(path);
  }
}

/** A copy of its own: ten thousand cached views would keep as many digests outside the heap. */
function tokenOf(digest: Uint8Array): Uint8Array {
  const token = new Uint8Array(tokenBytes);
  for (let i = 0; i < tokenBytes; i++) token[i] = digest[i]!;
  return token;
}

async function keyFor(
  provider: CryptoProvider,
  rootKey: Uint8Array,
  { storeId, purpose }: { readonly storeId: Uint8Array; readonly purpose: string },
): Promise<PreparedKey> {
  const info = concatBytes(utf8("cuitty/persist/v1"), lengthPrefixed(storeId, utf8(purpose)));
  return provider.hmacKey(await hkdf(provider, rootKey, { salt: storeId, info, length: 32 }));
}
