// A disk that loses power: what was synced is there, of the rest any part may be, in any order, torn at sectors.
import { dirname } from "node:path";
import type { DiskOperation } from "./strace-log.ts";

/** What a drive writes whole. */
const sectorBytes = 512;

type FileOperation = Exclude<DiskOperation, { type: "say" | "sync" }>;

interface DiskFile {
  /** What survives for sure. */
  durable: Buffer;
  exists: boolean;
  /** What was done since the last sync, in order. */
  pending: FileOperation[];
}

export interface Disk {
  apply(operation: DiskOperation): void;
  /** Files as they may be found after a power cut now. */
  cut(random: () => number): Map<string, Buffer>;
}

function ensureSize(bytes: Buffer, size: number): Buffer {
  return bytes.length >= size ? bytes : Buffer.concat([bytes, Buffer.alloc(size - bytes.length)]);
}

function applyTo(file: { bytes: Buffer; exists: boolean }, operation: FileOperation): void {
  if (operation.type === "unlink") {
    file.bytes = Buffer.alloc(0);
    file.exists = false;
    return;
  }
  file.exists = true;
  if (operation.type === "truncate") {
    file.bytes =
      operation.size < file.bytes.length ? Buffer.from(file.bytes.subarray(0, operation.size)) : ensureSize(file.bytes, operation.size);
    return;
  }
  file.bytes = ensureSize(file.bytes, operation.offset + operation.bytes.length);
  operation.bytes.copy(file.bytes, operation.offset);
}

/** A write of which only some sectors reached the platter. */
function torn(operation: Extract<FileOperation, { type: "write" }>, random: () => number): FileOperation[] {
  const pieces: FileOperation[] = [];
  for (let start = 0; start < operation.bytes.length; start += sectorBytes) {
    if (random() < 0.5) continue;
    pieces.push({ ...operation, offset: operation.offset + start, bytes: operation.bytes.subarray(start, start + sectorBytes) });
  }
  return pieces;
}

/** Any subset of what was not synced, mostly in order, some of it torn. A truncation or removal holds back what came after it. */
function survivors(pending: readonly FileOperation[], random: () => number): FileOperation[] {
  const keep = random();
  const kept: FileOperation[] = [];
  for (const operation of pending) {
    if (random() >= keep) {
      if (operation.type === "write") continue;
      break;
    }
    if (operation.type === "write" && random() < 0.2) kept.push(...torn(operation, random));
    else kept.push(operation);
  }
  return kept;
}

const isRemoval = ({ type }: FileOperation): boolean => type === "unlink";

function settle(file: DiskFile): void {
  const state = { bytes: file.durable, exists: file.exists };
  for (const operation of file.pending) applyTo(state, operation);
  file.durable = state.bytes;
  file.exists = state.exists || file.pending.length === 0;
  file.pending = [];
}

/** An empty disk that follows the paths `isOurs` accepts. */
export function createDisk(isOurs: (path: string) => boolean): Disk {
  const files = new Map<string, DiskFile>();
  const fileOf = (path: string): DiskFile => {
    const known = files.get(path) ?? { durable: Buffer.alloc(0), exists: false, pending: [] };
    files.set(path, known);
    return known;
  };
  return {
    apply(operation) {
      if (operation.type === "say") return;
      if (operation.type === "sync") {
        // A synced folder keeps its removals: SQLite syncs it with the first sync of a new WAL.
        for (const [path, file] of files) if (dirname(path) === operation.path && file.pending.some(isRemoval)) settle(file);
      }
      if (!isOurs(operation.path)) return;
      const file = fileOf(operation.path);
      if (operation.type === "sync") settle(file);
      else file.pending.push(operation);
    },
    cut(random) {
      const images = new Map<string, Buffer>();
      for (const [path, file] of files) {
        const state = { bytes: Buffer.from(file.durable), exists: file.exists };
        for (const operation of survivors(file.pending, random)) applyTo(state, operation);
        if (state.exists) images.set(path, state.bytes);
      }
      return images;
    },
  };
}
