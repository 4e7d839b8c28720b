// Hands out fresh random bytes from a block fetched at once: one call into the system per 340 nonces instead of one each.

const blockBytes = 4_096;

/** Every byte is handed out once. */
export function createRandomPool(fetch: (size: number) => Uint8Array): (size: number) => Uint8Array {
  let block = new Uint8Array(0);
  let used = 0;
  return (size) => {
    if (size > blockBytes) return fetch(size);
    if (used + size > block.length) {
      block = new Uint8Array(fetch(blockBytes));
      used = 0;
    }
    const bytes = block.slice(used, used + size);
    block.fill(0, used, used + size);
    used += size;
    return bytes;
  };
}
