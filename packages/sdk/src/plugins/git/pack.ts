// One pack file with its index: finds an object by id and unpacks it, deltas included.
import { inflateSync } from "node:zlib";
import { applyDelta } from "./delta.ts";
import { openReader, type RandomReader } from "./random-reader.ts";

export interface GitObject {
  readonly type: string;
  readonly content: Buffer;
}

export interface Pack {
  /** Undefined when the object is not in this pack. Errors: throws on a damaged pack. */
  read(id: string): Promise<GitObject | undefined>;
  close(): Promise<void>;
}

/** Finds a base that is named by id and may lie anywhere. */
export type ReadBase = (id: string) => Promise<GitObject | undefined>;

const typeNames: Readonly<Record<number, string>> = { 1: "commit", 2: "tree", 3: "blob", 4: "tag" };
const offsetDelta = 6;
const idDelta = 7;
const maxDeltaDepth = 64;
const maxObjectBytes = 4 * 1024 * 1024;
const indexMagic = 0xff744f63;

/** Opens `<base>.idx` and `<base>.pack`. Ids are `idBytes` long: 20, or 32 in a SHA-256 repository. Source: git, "gitformat-pack". */
export async function openPack(base: string, idBytes: number, readBase: ReadBase): Promise<Pack> {
  const index = await openIndex(`${base}.idx`, idBytes);
  const pack = await openReader(`${base}.pack`);

  async function readAt(offset: number, depth: number): Promise<GitObject | undefined> {
    if (depth > maxDeltaDepth) throw new Error("delta chain is too long");
    const head = await pack.read(offset, 64);
    const { type, size, at } = readHeader(head);
    if (size > maxObjectBytes) return undefined;
    if (type === offsetDelta) {
      const distance = readDistance(head, at);
      return undelta(await readAt(offset - distance.value, depth + 1), offset + distance.at, size);
    }
    if (type === idDelta) return undelta(await readBase(head.toString("hex", at, at + idBytes)), offset + at + idBytes, size);
    const name = typeNames[type];
    return name === undefined ? undefined : { type: name, content: await inflate(offset + at, size) };
  }

  async function undelta(from: GitObject | undefined, dataAt: number, size: number): Promise<GitObject | undefined> {
    return from && { type: from.type, content: applyDelta(from.content, await inflate(dataAt, size)) };
  }

  async function inflate(at: number, size: number): Promise<Buffer> {
    // How much of the file the compressed data takes is written nowhere; incompressible data grows by less than this.
    const compressed = await pack.read(at, size + Math.ceil(size / 100) + 256);
    const content = inflateSync(compressed, { maxOutputLength: Math.max(1, size) });
    if (content.length !== size) throw new Error("damaged object");
    return content;
  }

  return {
    async read(id) {
      const offset = await index.find(id);
      return offset === undefined ? undefined : readAt(offset, 0);
    },
    async close() {
      await index.close();
      await pack.close();
    },
  };
}

function readHeader(head: Buffer): { readonly type: number; readonly size: number; readonly at: number } {
  let byte = head[0] ?? 0;
  const type = (byte >> 4) & 7;
  let size = byte & 15;
  let at = 1;
  for (let scale = 16; byte & 0x80; scale *= 128) {
    byte = head[at++] ?? 0;
    size += (byte & 0x7f) * scale;
  }
  return { type, size, at };
}

function readDistance(head: Buffer, start: number): { readonly value: number; readonly at: number } {
  let at = start;
  let byte = head[at++] ?? 0;
  let value = byte & 0x7f;
  while (byte & 0x80) {
    byte = head[at++] ?? 0;
    value = (value + 1) * 128 + (byte & 0x7f);
  }
  return { value, at };
}

interface PackIndex {
  find(id: string): Promise<number | undefined>;
  close(): Promise<void>;
}

/** Version 2 of the index: 256 running totals by first byte, sorted ids, checksums, 4-byte offsets, 8-byte offsets for large packs. */
async function openIndex(path: string, idBytes: number): Promise<PackIndex> {
  const file: RandomReader = await openReader(path);
  const head = await file.read(0, 8 + 256 * 4);
  if (head.length < 1_032 || head.readUInt32BE(0) !== indexMagic || head.readUInt32BE(4) !== 2) {
    await file.close();
    throw new Error("unknown index version");
  }
  const count = head.readUInt32BE(8 + 255 * 4);
  const idsAt = 8 + 256 * 4;
  const offsetsAt = idsAt + count * (idBytes + 4);

  async function positionOf(id: Buffer): Promise<number | undefined> {
    const first = id[0] as number;
    let low = first === 0 ? 0 : head.readUInt32BE(8 + (first - 1) * 4);
    let high = head.readUInt32BE(8 + first * 4);
    const bucketAt = low;
    const bucket = await file.read(idsAt + low * idBytes, (high - low) * idBytes);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = (middle - bucketAt) * idBytes;
      const order = id.compare(bucket, at, at + idBytes);
      if (order === 0) return middle;
      if (order < 0) high = middle;
      else low = middle + 1;
    }
    return undefined;
  }

  return {
    async find(id) {
      const position = await positionOf(Buffer.from(id, "hex"));
      if (position === undefined) return undefined;
      const offset = (await file.read(offsetsAt + position * 4, 4)).readUInt32BE(0);
      if (offset < 0x80000000) return offset;
      const largeAt = offsetsAt + count * 4 + (offset - 0x80000000) * 8;
      return Number((await file.read(largeAt, 8)).readBigUInt64BE(0));
    },
    close: () => file.close(),
  };
}
