// Entries of any adapter: all under a prefix, or a page in key order.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { AdapterEntry, AdapterRange, PersistAdapter } from "../adapter.ts";

/** Everything under a prefix, in the order the adapter has it. */
export async function entriesOf(adapter: PersistAdapter, prefix: string): Promise<AdapterEntry[]> {
  const entries: AdapterEntry[] = [];
  // An adapter may list more than was asked for (a store that only knows folders does), never less.
  for await (const entry of await adapter.list(prefix)) if (entry.key.startsWith(prefix)) entries.push(entry);
  return entries;
}

/** A page in key order from any adapter. Errors: `corrupt` for a page that does not move on, after which a listing would never end. */
export async function entriesInOrder(
  adapter: PersistAdapter,
  { prefix, after, limit, reverse = false }: { prefix: string; after?: string; limit: number; reverse?: boolean },
): Promise<readonly AdapterEntry[]> {
  if (adapter.range) {
    const query = { prefix, limit: Math.min(limit, Number.MAX_SAFE_INTEGER), reverse, ...(after === undefined ? {} : { after }) };
    const page = await adapter.range(query);
    assertMovesOn(query, page.at(-1)?.key);
    return page;
  }
  const sign = reverse ? -1 : 1;
  const entries = (await entriesOf(adapter, prefix)).filter(({ key }) => after === undefined || (reverse ? key < after : key > after));
  return entries.sort((a, b) => (a.key < b.key ? -sign : sign)).slice(0, limit);
}

function assertMovesOn({ prefix, after, reverse }: AdapterRange, last: string | undefined): void {
  if (last === undefined) return;
  const isBehind = after === undefined || (reverse ? last < after : last > after);
  if (isBehind && last.startsWith(prefix)) return;
  throw new CuittyError(
    "corrupt",
    "the adapter's range gave a page that does not move on from the one before; check the adapter with adapterContract, or restore a backup",
  );
}
