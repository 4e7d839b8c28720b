// Entries in key order, in pages small enough to hold whatever their values weigh.
import type { AdapterEntry, PersistAdapter } from "../adapter.ts";
import { entriesInOrder } from "./entries.ts";

export interface PageQuery {
  readonly prefix: string;
  readonly after?: string | undefined;
  /** @default all */
  readonly limit?: number;
  /** @default false */
  readonly reverse?: boolean;
}

/** Even of the largest values so many are soon read and held. */
const firstRows = 8;
const maxRows = 500;
const growth = 8;
/** What a page should hold. An adapter that counts only rows is asked for as many as would have filled the page before. */
const pageBytes = 4 * 1024 * 1024;

/** Errors: `corrupt` for pages that do not move on. */
export async function* pagesInOrder(
  adapter: PersistAdapter,
  { prefix, after, limit = Number.POSITIVE_INFINITY, reverse = false }: PageQuery,
): AsyncGenerator<readonly AdapterEntry[]> {
  let left = limit;
  let cursor = after;
  let rows = rowsAtFirst(adapter);
  while (left > 0) {
    const size = Math.min(rows, left);
    const query = { prefix, limit: size, maxBytes: pageBytes, reverse, ...(cursor === undefined ? {} : { after: cursor }) };
    const page = await entriesInOrder(adapter, query);
    if (page.length === 0) return;
    yield page;
    const bytes = weightOf(page);
    if (page.length < size && bytes < pageBytes) return;
    left -= page.length;
    cursor = page.at(-1)!.key;
    if (!adapter.boundsPages) rows = Math.max(1, Math.min(maxRows, size * growth, Math.floor((pageBytes * page.length) / bytes)));
  }
}

function rowsAtFirst({ range, boundsPages }: PersistAdapter): number {
  // Without `range` every page would list everything again.
  if (!range) return Number.POSITIVE_INFINITY;
  return boundsPages ? maxRows : firstRows;
}

function weightOf(page: readonly AdapterEntry[]): number {
  let bytes = 0;
  for (const { key, value } of page) bytes += key.length + sizeOf(value);
  return bytes;
}

/** About what a value takes; adapters that keep JSON hand out objects. */
function sizeOf(value: unknown): number {
  if (typeof value === "string" || value instanceof Uint8Array) return value.length;
  if (typeof value !== "object" || value === null) return 8;
  let size = 8;
  for (const [name, part] of Object.entries(value)) size += name.length + sizeOf(part);
  return size;
}
