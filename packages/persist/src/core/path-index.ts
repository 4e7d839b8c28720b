// Sorted paths of scopes that were listed, kept up to date by this store's own writes, so that paging an encrypted store decrypts a page and not everything.
import type { AdapterChange } from "../adapter.ts";
import type { Facet } from "./row.ts";
import type { SortedKeys } from "./sorted-keys.ts";

const maxScopes = 8;
const maxPaths = 500_000;

export interface PathIndexes {
  get(facet: Facet, prefix: string): SortedKeys | undefined;
  /** Starts to follow changes while the scope is read; `keep` stores the result unless something changed meanwhile. */
  begin(facet: Facet, prefix: string): { keep(paths: SortedKeys): void };
  apply(change: AdapterChange): void;
  /** Drops what is known of the scopes a path belongs to: whether it is there is not known any more. */
  forget(facet: string, path: string): void;
}

/** Others change rows behind this store's back, so an adapter that is not exclusive gets no index. */
export function createPathIndexes({ isShared }: { readonly isShared: boolean }): PathIndexes {
  const byScope = new Map<string, SortedKeys>();
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
          if (isShared || changes !== before || paths.size > maxPaths) return;
          if (byScope.size >= maxScopes) byScope.delete(byScope.keys().next().value!);
          byScope.set(scopeId(facet, prefix), paths);
        },
      };
    },
    apply({ type, facet, path }) {
      changes++;
      for (const [id, paths] of byScope) {
        if (!isOfScope(id, facet, path)) continue;
        if (type === "put") paths.add(path);
        else paths.delete(path);
        if (paths.size > maxPaths) byScope.delete(id);
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
