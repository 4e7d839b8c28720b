// Entries of any adapter: all under a prefix, or a page in key order.
import type { AdapterEntry, PersistAdapter } from "../adapter.ts";

/** Everything under a prefix, in the order the adapter has it. */
export async function entriesOf(adapter: PersistAdapter, prefix: string): Promise<AdapterEntry[]> {
  const entries: AdapterEntry[] = [];
  // An adapter may list more than was asked for (a store that only knows folders does), never less.
  for await (const entry of await adapter.list(prefix)) if (entry.key.startsWith(prefix)) entries.push(entry);
  return entries;
}

/** A page in key order from any adapter. */
export async function entriesInOrder(
  adapter: PersistAdapter,
  { prefix, after, limit, reverse = false }: { prefix: string; after?: string; limit: number; reverse?: boolean },
): Promise<readonly AdapterEntry[]> {
  if (adapter.range)
    return adapter.range({ prefix, limit: Math.min(limit, Number.MAX_SAFE_INTEGER), reverse, ...(after === undefined ? {} : { after }) });
  const sign = reverse ? -1 : 1;
  const entries = (await entriesOf(adapter, prefix)).filter(({ key }) => after === undefined || (reverse ? key < after : key > after));
  return entries.sort((a, b) => (a.key < b.key ? -sign : sign)).slice(0, limit);
}
