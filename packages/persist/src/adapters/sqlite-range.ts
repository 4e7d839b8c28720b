// The statement that reads a page of rows, and how many rows of it are enough.
import type { AdapterRange } from "../adapter.ts";
import { bytesAfterPrefix, keyToBytes } from "./key-bytes.ts";
import type { SqliteFile } from "./sqlite-file.ts";

/** Who asks for so few rows holds them anyway; measuring them first would cost a quarter more. */
const unmeasuredRows = 64;

export interface Statement {
  readonly sql: string;
  readonly params: readonly (Uint8Array | number)[];
}

/** Selects key and value of the rows of a page, not more of them than its bytes allow. */
export function selectPage(file: SqliteFile, query: AdapterRange): Statement {
  const limit = query.maxBytes === undefined || query.limit <= unmeasuredRows ? query.limit : fittingRows(file, query, query.maxBytes);
  return select("key, value", { ...query, limit });
}

/** Sizes stand in a row's header: they cost less than a tenth of what reading the row does. */
function fittingRows(file: SqliteFile, query: AdapterRange, maxBytes: number): number {
  const { sql, params } = select("octet_length(value) AS size", query);
  const [largest] = file.prepare(`SELECT max(size) FROM (${sql})`).get(params)!;
  if (Number(largest ?? 0) * query.limit <= maxBytes) return query.limit;
  let left = maxBytes;
  let rows = 0;
  for (const [size] of file.prepare(sql).all(params)) {
    if (left <= 0) return rows;
    rows++;
    left -= Number(size);
  }
  return query.limit;
}

/**
 * Bounds instead of LIKE: an index range scan whatever stands in the prefix. One at each end: of two SQLite searches for the first,
 * and steps over all rows between them. Keys compare as their bytes do.
 */
function select(columns: string, { prefix, after, limit, reverse = false }: AdapterRange): Statement {
  const start = keyToBytes(prefix);
  const isInside = after !== undefined && after >= prefix;
  const low = isInside && !reverse ? { condition: "key > ?", bound: keyToBytes(after) } : { condition: "key >= ?", bound: start };
  const endsEarlier = after !== undefined && reverse && (!isInside || after.startsWith(prefix));
  const end = endsEarlier ? keyToBytes(after) : bytesAfterPrefix(start);
  const conditions = [low.condition];
  const params: (Uint8Array | number)[] = [low.bound];
  if (end) {
    conditions.push("key < ?");
    params.push(end);
  }
  params.push(Number.isFinite(limit) ? limit : -1);
  return {
    sql: `SELECT ${columns} FROM cuitty_rows WHERE ${conditions.join(" AND ")} ORDER BY key${reverse ? " DESC" : ""} LIMIT ?`,
    params,
  };
}
