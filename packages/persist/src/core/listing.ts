// Rows of a facet in the order of their paths, page by page, from stores whose keys sort so and from those whose keys are tokens.
import { isPromise } from "../crypto/bytes.ts";
import { type PageQuery, pagesInOrder } from "./pages.ts";
import type { PathIndexes } from "./path-index.ts";
import type { Facet, StoredRow } from "./row.ts";
import type { LeafQuery, Rows } from "./rows.ts";
import { createSortedKeys, type SortedKeys } from "./sorted-keys.ts";
import { createPace } from "./turn.ts";

export interface Listing {
  /** At most so many. @default all */
  readonly limit?: number;
  /** Only paths after it, in the order asked for; it need not exist. */
  readonly after?: string;
  /** From the last path to the first. @default false */
  readonly reverse?: boolean;
}

interface Query extends Listing {
  readonly facet: Facet;
  readonly prefix: string;
}

/** Values decrypted while a scope is read are kept up to this size, so that a plain listing decrypts once. */
const maxKeptBytes = 32 * 1024 * 1024;

export function listRows(source: { readonly rows: Rows; readonly indexes: PathIndexes }, query: Query): AsyncGenerator<StoredRow> {
  return source.rows.codec.sortsByPath ? listSorted(source.rows, query) : listSealed(source, query);
}

function listSorted(rows: Rows, { facet, prefix, after, ...query }: Query): AsyncGenerator<StoredRow> {
  const { codec } = rows;
  return decoded(rows, facet, async () => ({
    ...query,
    prefix: await codec.scopeOf(facet, prefix),
    after: after === undefined ? undefined : (await codec.locate({ facet, path: after })).key,
  }));
}

/** Rows under one path, in the order of their leaves. */
export function listLeaves(
  rows: Rows,
  { facet, path, after, ...query }: LeafQuery & { readonly facet: Facet; readonly path: string },
): AsyncGenerator<StoredRow> {
  return decoded(rows, facet, async () => {
    const prefix = await rows.codec.leavesOf(facet, path);
    return { ...query, prefix, after: after === undefined ? undefined : prefix + after };
  });
}

/** One generator, not one inside another: each would cost every row as much as reading it does. */
async function* decoded({ adapter, codec, writer }: Rows, facet: Facet, queryOf: () => Promise<PageQuery>): AsyncGenerator<StoredRow> {
  await writer.idle();
  const pace = createPace();
  for await (const entries of pagesInOrder(adapter, await queryOf())) {
    for (const entry of entries) {
      const turn = pace();
      if (turn) await turn;
      yield codec.decode(facet, entry, entry.value);
    }
  }
}

async function* listSealed({ rows, indexes }: { rows: Rows; indexes: PathIndexes }, query: Query): AsyncGenerator<StoredRow> {
  const { facet, prefix, limit = Number.POSITIVE_INFINITY, after, reverse = false } = query;
  await rows.writer.idle();
  const kept = new Map<string, StoredRow>();
  const paths = indexes.get(facet, prefix) ?? (await readPaths({ rows, indexes }, { facet, prefix, kept }));
  const pace = createPace();
  let left = limit;
  for (const path of paths.walk({ ...windowBehind(after, reverse), reverse })) {
    if (left-- <= 0) return;
    const turn = pace();
    if (turn) await turn;
    const row = kept.get(path) ?? (await rows.get({ facet, path }));
    kept.delete(path);
    // Deleted since the paths were read.
    if (row) yield row;
    else left++;
  }
}

async function readPaths(
  { rows, indexes }: { rows: Rows; indexes: PathIndexes },
  { facet, prefix, kept }: { facet: Facet; prefix: string; kept: Map<string, StoredRow> },
): Promise<SortedKeys> {
  const index = indexes.begin(facet, prefix);
  const paths: string[] = [];
  const pace = createPace();
  let bytes = 0;
  for await (const entries of rows.scan(await rows.codec.scopeOf(facet, prefix))) {
    for (const entry of entries) {
      const turn = pace();
      if (turn) await turn;
      const opened = rows.codec.decode(facet, entry, entry.value);
      const row = isPromise(opened) ? await opened : opened;
      if (!row.path.startsWith(prefix)) continue;
      paths.push(row.path);
      bytes += (row.json?.length ?? row.bytes?.length ?? 0) + row.path.length;
      if (bytes <= maxKeptBytes) kept.set(row.path, row);
    }
  }
  const sorted = createSortedKeys(paths.sort());
  index.keep(sorted);
  return sorted;
}

function windowBehind(cursor: string | undefined, reverse: boolean): { from?: string; before?: string } {
  if (cursor === undefined) return {};
  // No string comes between a string and itself with a NUL behind it.
  return reverse ? { before: cursor } : { from: `${cursor}\0` };
}
