// Bounded maps: the oldest entries make room for new ones.

/** What goes at once beside the one that is in the way. A Map finds its first entry by stepping over all that were deleted before it: newcomers must not each ask for it. */
export const sparePart = 1 / 8;

/** Drops entries, the oldest first, until there is room. */
export function dropOldest<Key>(entries: ReadonlyMap<Key, unknown>, drop: (key: Key) => void, hasRoom: () => boolean): void {
  for (const key of entries.keys()) {
    if (hasRoom()) return;
    drop(key);
  }
}
