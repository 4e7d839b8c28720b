// Deleting what was found to be of no use, but never what was written since.
import { capabilitiesOf } from "../adapter.ts";
import { type Address, addressId, type StoredRow } from "./row.ts";
import type { Rows } from "./rows.ts";

/** Deletes the row if it still is one that may go; false when it is not there, may not go, or is written meanwhile, also by others. */
export async function deleteIf(rows: Rows, address: Address, mayGo: (row: StoredRow) => boolean): Promise<boolean> {
  const { adapter, codec, writer } = rows;
  const id = addressId(address);
  const isExclusive = capabilitiesOf(adapter).exclusive;
  const changes = [{ type: "delete" as const, facet: address.facet, path: address.path }];
  let isWritten = false;
  const stop = writer.onQueued((queued) => {
    isWritten ||= queued === id;
  });
  try {
    rows.assertOpen();
    await writer.settled(id);
    const at = await codec.locate(address);
    const value = await adapter.get(at.key);
    if (value === undefined || value === null || !mayGo(await codec.decode(address.facet, at, value)) || isWritten) return false;
    const ops = [{ type: "delete" as const, key: at.key, expect: value }];
    await writer.commit({ ids: [id], ops, changes: isExclusive ? changes : [] });
    if (isExclusive) return true;
    // Whether it went is known only from what is there now; told before, a row that others wrote would seem deleted.
    if (((await adapter.get(at.key)) ?? undefined) !== undefined) return false;
  } finally {
    stop();
  }
  rows.announce(changes);
  return true;
}
