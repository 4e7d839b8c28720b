// Rows of one topic as chunks of frames: small enough that a client which stops reading holds little.
import { type EncodedRow, eventFrame, toBytes } from "./frames.ts";
import { type Positions, positionsToCursor } from "./stream-cursor.ts";

export interface Chunk {
  readonly bytes: Uint8Array;
  /** Seq of the last row in it. */
  readonly seq: number;
}

const chunkChars = 16_384;

/** Frames of `rows`, each with the id that a client at `positions` has after it. A row larger than a chunk is one chunk. */
export function rowsToChunks(topic: string, rows: readonly EncodedRow[], positions: Positions): Chunk[] {
  const chunks: Chunk[] = [];
  const after = new Map(positions);
  let text = "";
  for (const [index, row] of rows.entries()) {
    after.set(topic, row.seq);
    text += eventFrame(positionsToCursor(after), row.json);
    if (text.length >= chunkChars || index === rows.length - 1) {
      chunks.push({ bytes: toBytes(text), seq: row.seq });
      text = "";
    }
  }
  return chunks;
}
