// A blob of an export: its line, and the lines of its chunks behind it.
import { checkKey } from "./core/paths.ts";
import { base64UrlToBytes } from "./crypto/bytes.ts";
import type { OwnBlobs } from "./facets/blobs.ts";
import { badLine, cutAt, type Numbered } from "./import-lines.ts";
import type { Line } from "./transfer-format.ts";

export type BlobLine = Extract<Line, { type: "blob" }>;

/** True when the blob existed and was to be kept; its chunks are read past. */
export async function importBlob(
  blobs: OwnBlobs,
  { line, number, existing }: { line: BlobLine; number: number; existing: "replace" | "keep" },
  lines: AsyncGenerator<Numbered>,
): Promise<boolean> {
  checkKey(line.key);
  if (line.contentType !== undefined && typeof line.contentType !== "string") throw badLine(number, "its contentType is not text");
  if (!Number.isSafeInteger(line.size) || line.size < 0) throw badLine(number, "its size is not a number of bytes");
  const source = chunkLines({ size: line.size, number }, lines);
  const { contentType, metadata } = line;
  const options = { ...(contentType === undefined ? {} : { contentType }), ...(metadata === undefined ? {} : { metadata }) };
  if (existing === "replace") await blobs.put(line.key, source, options);
  else if (!(await blobs.add(line.key, source, options))) {
    for await (const _chunk of source);
    return true;
  }
  return false;
}

async function* chunkLines(
  { size, number: start }: { readonly size: number; readonly number: number },
  lines: AsyncGenerator<Numbered>,
): AsyncGenerator<Uint8Array> {
  let last = start;
  for (let left = size; left > 0; ) {
    const next = await lines.next();
    if (next.done) throw cutAt(last + 1, "the export is cut in the middle of a blob");
    const { line, number } = next.value;
    last = number;
    const bytes = "type" in line && line.type === "chunk" && typeof line.data === "string" ? base64UrlToBytes(line.data) : undefined;
    if (!bytes || bytes.length === 0 || bytes.length > left) throw badLine(number, "expected a chunk of the blob before it");
    left -= bytes.length;
    yield bytes;
  }
}
