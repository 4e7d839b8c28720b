// A whole store as lines of JSON.
import { capabilitiesOf } from "./adapter.ts";
import { jsonOf } from "./core/row.ts";
import type { Rows } from "./core/rows.ts";
import { createPace } from "./core/turn.ts";
import { bytesToBase64Url } from "./crypto/bytes.ts";
import type { BlobInfo, OwnBlobs } from "./facets/blobs.ts";
import { exportVersion, type Line } from "./transfer-format.ts";

export interface ExportParts {
  readonly rows: Rows;
  readonly blobs: OwnBlobs;
  readonly clock: () => number;
}

/** One line at a time, each with its line feed. The last line counts the others, so that a cut file is noticed. */
export async function* exportStore(parts: ExportParts): AsyncGenerator<string> {
  const pace = createPace();
  let lines = 0;
  for await (const line of exportLines(parts)) {
    lines++;
    await pace();
    yield `${JSON.stringify(line)}\n`;
  }
  yield `${JSON.stringify({ type: "end", lines } satisfies Line)}\n`;
}

async function* exportLines({ rows, blobs, clock }: ExportParts): AsyncGenerator<Line> {
  yield { cuitty: "persist-export", version: exportVersion };
  for await (const row of rows.list("records", "", {})) {
    yield { type: "record", key: row.path, value: jsonOf(row), ...(row.meta?.v === undefined ? {} : { version: row.meta.v }) };
  }
  for await (const row of rows.list("kv", "", {})) {
    const ends = row.meta?.x;
    if (ends === undefined || ends > clock())
      yield { type: "kv", key: row.path, value: jsonOf(row), ...(ends === undefined ? {} : { expiresAtMs: ends }) };
  }
  yield* exportEvents(rows);
  if (capabilitiesOf(rows.adapter).blobs) yield* exportBlobs(blobs);
}

async function* exportEvents(rows: Rows): AsyncGenerator<Line> {
  for await (const page of rows.scan(await rows.codec.scopeOf("events", ""))) {
    for (const entry of page) {
      const row = await rows.codec.decode("events", entry, entry.value);
      yield { type: "event", log: row.path, id: row.leaf!, data: jsonOf(row) };
    }
  }
}

async function* exportBlobs(blobs: OwnBlobs): AsyncGenerator<Line> {
  for await (const { key } of blobs.list()) {
    for await (const part of blobs.snapshot(key)) {
      yield part instanceof Uint8Array ? { type: "chunk", data: bytesToBase64Url(part) } : blobLine(key, part);
    }
  }
}

function blobLine(key: string, { size, contentType, metadata }: BlobInfo): Line {
  return {
    type: "blob",
    key,
    size,
    ...(contentType === undefined ? {} : { contentType }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}
