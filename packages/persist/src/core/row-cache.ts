// Decrypted rows that were read or written lately. SQLite keeps pages in memory; without this an encrypted store would decrypt the same page's rows at every read.
import type { Facet, Located, StoredRow } from "./row.ts";

/** A row and its name in the adapter: two hashes, which a put of what was read need not repeat. */
export interface CachedRow {
  readonly row: StoredRow;
  readonly at: Located;
}

export interface RowCache {
  get(facet: string, path: string): CachedRow | undefined;
  /** Keeps a row that was read while nothing was written, or that has just been committed. */
  keep(facet: Facet, row: StoredRow, at: Located): void;
  drop(facet: string, path: string): void;
  clear(): void;
}

/** Those that came first go first. Units: bytes. */
export function createRowCache(maxBytes: number): RowCache {
  const byFacet = new Map<string, Map<string, CachedRow>>();
  let bytes = 0;

  function drop(facet: string, path: string): void {
    const rows = byFacet.get(facet);
    const cached = rows?.get(path);
    if (!cached) return;
    rows!.delete(path);
    bytes -= sizeOf(cached.row);
  }

  return {
    get: (facet, path) => byFacet.get(facet)?.get(path),
    keep(facet, row, at) {
      const size = sizeOf(row);
      if (row.json === undefined || row.leaf !== undefined || size > maxBytes / 16) return drop(facet, row.path);
      const rows = byFacet.get(facet) ?? new Map<string, CachedRow>();
      byFacet.set(facet, rows);
      const before = rows.get(row.path);
      rows.set(row.path, { row, at });
      bytes += size - (before ? sizeOf(before.row) : 0);
      if (bytes <= maxBytes) return;
      // From this facet first; one that takes all the room has the most to give. Some room besides: the first name of a Map is
      // found by stepping over all that were deleted before it, which costs more than the row when each newcomer asks for it.
      for (const path of rows.keys()) {
        if (bytes <= maxBytes - maxBytes / 8) return;
        drop(facet, path);
      }
    },
    drop,
    clear() {
      byFacet.clear();
      bytes = 0;
    },
  };
}

/** What an entry costs around its text: its name, a token, objects. */
const entryBytes = 256;

function sizeOf(row: StoredRow): number {
  return (row.json?.length ?? 0) + row.path.length + entryBytes;
}
