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
  { prefix, after, limit, maxBytes, reverse = false }: AdapterRange,
): Promise<readonly AdapterEntry[]> {
  if (adapter.range) {
    const query = {
      prefix,
      limit: Math.min(limit, Number.MAX_SAFE_INTEGER),
      reverse,
      ...(after === undefined ? {} : { after }),
      ...(maxBytes === undefined ? {} : { maxBytes }),
    };
    const page = await adapter.range(query);
    for (const entry of [page[0], page.at(-1)]) assertMovesOn(query, entry?.key);
    return page;
  }
  const sign = reverse ? -1 : 1;
  const entries = (await entriesOf(adapter, prefix)).filter(({ key }) => after === undefined || (reverse ? key < after : key > after));
  return entries.sort((a, b) => (a.key < b.key ? -sign : sign)).slice(0, limit);
}

/** Both ends of a page are asked for: a larger one that begins anew ends behind the one before. */
function assertMovesOn({ prefix, after, reverse }: AdapterRange, key: string | undefined): void {
  if (key === undefined) return;
  const isBehind = after === undefined || (reverse ? key < after : key > after);
  if (isBehind && key.startsWith(prefix)) return;
  throw new CuittyError(
    "corrupt",
    "the adapter's range gave a page that does not move on from the one before; check the adapter with adapterContract, or restore a backup",
  );
}
