// Sorted paths of scopes that were listed, kept up to date by this store's own writes, so that paging an encrypted store decrypts a page and not everything.
import type { AdapterChange } from "../adapter.ts";
import type { Facet } from "./row.ts";

const maxScopes = 8;
const maxPaths = 500_000;

export interface PathIndexes {
  get(facet: Facet, prefix: string): readonly string[] | undefined;
  /** Starts to follow changes while the scope is read; `keep` stores the result unless something changed meanwhile. */
  begin(facet: Facet, prefix: string): { keep(paths: string[]): void };
  apply(change: AdapterChange): void;
  /** Drops what is known of the scopes a path belongs to: whether it is there is not known any more. */
  forget(facet: string, path: string): void;
}

/** Others change rows behind this store's back, so an adapter that is not exclusive gets no index. */
export function createPathIndexes({ isShared }: { readonly isShared: boolean }): PathIndexes {
  const byScope = new Map<string, string[]>();
  let changes = 0;

  function scopeId(facet: string, prefix: string): string {
    return `${facet}\0${prefix}`;
  }

  return {
    get(facet, prefix) {
      const id = scopeId(facet, prefix);
      const found = byScope.get(id);
      if (found) {
        byScope.delete(id);
        byScope.set(id, found);
      }
      return found;
    },
    begin(facet, prefix) {
      const before = changes;
      return {
        keep(paths) {
          if (isShared || changes !== before || paths.length > maxPaths) return;
          if (byScope.size >= maxScopes) byScope.delete(byScope.keys().next().value!);
          byScope.set(scopeId(facet, prefix), paths);
        },
      };
    },
    apply({ type, facet, path }) {
      changes++;
      for (const [id, paths] of byScope) {
        if (!isOfScope(id, facet, path)) continue;
        const at = lowerBound(paths, path);
        const isThere = paths[at] === path;
        if (type === "put" && !isThere) paths.splice(at, 0, path);
        if (type === "delete" && isThere) paths.splice(at, 1);
        if (paths.length > maxPaths) byScope.delete(id);
      }
    },
    forget(facet, path) {
      changes++;
      for (const id of byScope.keys()) if (isOfScope(id, facet, path)) byScope.delete(id);
    },
  };
}

function isOfScope(id: string, facet: string, path: string): boolean {
  const split = id.indexOf("\0");
  return id.slice(0, split) === facet && path.startsWith(id.slice(split + 1));
}

/** Index of the first item that is not less than `value`. */
export function lowerBound(sorted: readonly string[], value: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
