// Reads pieces of a file: small files are kept in memory, of large ones only what is asked for is read.
import { type FileHandle, open } from "node:fs/promises";

export interface RandomReader {
  readonly byteLength: number;
  /** Up to `length` bytes at `offset`; fewer at the end of the file. */
  read(offset: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

const maxCachedBytes = 32 * 1024 * 1024;

/** Opens a file. Errors: those of `fs.open`. */
export async function openReader(path: string): Promise<RandomReader> {
  const handle = await open(path, "r");
  try {
    const byteLength = (await handle.stat()).size;
    if (byteLength > maxCachedBytes) return handleReader(handle, byteLength);
    const whole = await readAt(handle, 0, byteLength);
    await handle.close();
    return { byteLength: whole.byteLength, read: async (offset, length) => whole.subarray(offset, offset + length), close: async () => {} };
  } catch (error) {
    await handle.close().catch(() => {});
    throw error;
  }
}

function handleReader(handle: FileHandle, byteLength: number): RandomReader {
  return {
    byteLength,
    read: (offset, length) => readAt(handle, offset, Math.max(0, Math.min(length, byteLength - offset))),
    close: () => handle.close(),
  };
}

async function readAt(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(buffer, done, length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}
