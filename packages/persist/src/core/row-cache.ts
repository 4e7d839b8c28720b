// Decrypted rows that were read or written lately. SQLite keeps pages in memory; without this an encrypted store would decrypt the same page's rows at every read.
import type { StoredRow } from "./row.ts";

export interface RowCache {
  get(facet: string, path: string): StoredRow | undefined;
  /** Keeps a row that was read while nothing was written, or that has just been committed. */
  keep(facet: string, row: StoredRow): void;
  drop(facet: string, path: string): void;
  clear(): void;
}

/** The oldest go first. Units: bytes of text. */
export function createRowCache(maxBytes: number): RowCache {
  const byFacet = new Map<string, Map<string, StoredRow>>();
  let bytes = 0;

  function drop(facet: string, path: string): void {
    const rows = byFacet.get(facet);
    const row = rows?.get(path);
    if (!row) return;
    rows!.delete(path);
    bytes -= sizeOf(row);
  }

  return {
    get: (facet, path) => byFacet.get(facet)?.get(path),
    keep(facet, row) {
      const size = sizeOf(row);
      if (row.json === undefined || row.leaf !== undefined || size > maxBytes / 16) return;
      drop(facet, row.path);
      const rows = byFacet.get(facet) ?? new Map<string, StoredRow>();
      byFacet.set(facet, rows);
      rows.set(row.path, row);
      bytes += size;
      // From this facet first; one that takes all the room has the most to give.
      for (const path of rows.keys()) {
        if (bytes <= maxBytes) return;
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

/** Text in memory, and what an entry costs around it. */
function sizeOf(row: StoredRow): number {
  return (row.json?.length ?? 0) + row.path.length + 64;
}
