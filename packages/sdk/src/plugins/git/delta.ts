// Applies a git delta: a list of "copy from the base" and "insert these bytes" instructions.

/** The object that `delta` makes of `base`. Errors: throws on a damaged delta. Source: git, "gitformat-pack", Deltified representation. */
export function applyDelta(base: Buffer, delta: Buffer): Buffer {
  const sizes = { at: 0 };
  if (readSize(delta, sizes) !== base.length) throw new Error("delta of another base");
  const target = Buffer.alloc(readSize(delta, sizes));
  let at = sizes.at;
  let filled = 0;
  while (at < delta.length) {
    const code = delta[at++] as number;
    if (code & 0x80) {
      const copy = readCopy(delta, at, code);
      at = copy.at;
      if (copy.offset + copy.size > base.length || filled + copy.size > target.length) throw new Error("delta copies past an end");
      filled += base.copy(target, filled, copy.offset, copy.offset + copy.size);
    } else {
      if (code === 0 || at + code > delta.length || filled + code > target.length) throw new Error("damaged delta");
      filled += delta.copy(target, filled, at, at + code);
      at += code;
    }
  }
  if (filled !== target.length) throw new Error("delta of another size");
  return target;
}

function readSize(delta: Buffer, position: { at: number }): number {
  let size = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = delta[position.at++];
    if (byte === undefined || scale > 2 ** 35) throw new Error("damaged delta size");
    size += (byte & 0x7f) * scale;
    if ((byte & 0x80) === 0) return size;
  }
}

/** Each of the low seven bits of the code says whether one byte of the offset (4) or the size (3) follows. */
function readCopy(delta: Buffer, start: number, code: number) {
  let at = start;
  let offset = 0;
  let size = 0;
  for (let bit = 0; bit < 4; bit += 1) if (code & (1 << bit)) offset += (delta[at++] ?? 0) * 256 ** bit;
  for (let bit = 0; bit < 3; bit += 1) if (code & (0x10 << bit)) size += (delta[at++] ?? 0) * 256 ** bit;
  return { at, offset, size: size === 0 ? 0x10000 : size };
}
