// Reads the lines of an exported store into an open one.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { toJson } from "./core/json.ts";
import { checkKey } from "./core/paths.ts";
import type { RowChange, Rows } from "./core/rows.ts";
import { base64UrlToBytes } from "./crypto/bytes.ts";
import type { Blobs } from "./facets/blobs.ts";
import { exportVersion, type Line } from "./transfer-format.ts";

const commitRows = 500;
const eventId = /^[0-9a-f]{24}$/;

export type ImportSource = string | AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array> | ReadableStream<Uint8Array>;

export interface ImportOptions {
  /** What happens to a key that exists. @default "replace" */
  readonly existing?: "replace" | "keep";
}

export interface ImportResult {
  readonly records: number;
  readonly kv: number;
  readonly events: number;
  readonly blobs: number;
  /** Left alone because the key existed. */
  readonly kept: number;
}

export interface ImportParts {
  readonly rows: Rows;
  readonly blobs: Blobs;
}

interface Numbered {
  readonly line: Line;
  readonly number: number;
}

type BlobLine = Extract<Line, { type: "blob" }>;
const countOf = { record: "records", kv: "kv", event: "events" } as const;

/** Errors: `import_invalid` naming the line, `newer_format`, `invalid_key`. What stood before a bad line is imported; importing again is safe. */
export async function importStore({ rows, blobs }: ImportParts, source: ImportSource, options: ImportOptions = {}): Promise<ImportResult> {
  const { existing = "replace" } = options;
  if (existing !== "replace" && existing !== "keep") throw new CuittyError("invalid_option", 'existing must be "replace" or "keep"');
  const counts = { records: 0, kv: 0, events: 0, blobs: 0, kept: 0 };
  const lines = numberedLines(source);
  let waiting: RowChange[] = [];

  async function flush(): Promise<void> {
    const changes = waiting;
    waiting = [];
    if (changes.length > 0) await rows.commit(changes);
  }

  async function take({ line, number }: Numbered): Promise<void> {
    if ("cuitty" in line || line.type === "chunk" || line.type === "end") throw badLine(number, "a line of this kind cannot stand here");
    if (line.type === "blob") {
      await flush();
      const isKept = await importBlob(blobs, { line, number, existing }, lines);
      counts[isKept ? "kept" : "blobs"]++;
      return;
    }
    const change = changeOf(line, number);
    if (existing === "keep" && (await rows.get(change.address))) {
      counts.kept++;
      return;
    }
    waiting.push(change);
    counts[countOf[line.type]]++;
    if (waiting.length >= commitRows) await flush();
  }

  for (let next = await lines.next(); !next.done; next = await lines.next()) {
    const { line, number } = next.value;
    if (number === 1) assertHeader(line);
    else if ("type" in line && line.type === "end") {
      await flush();
      if (line.lines !== number - 1) throw badLine(number, `it counts ${line.lines} lines, ${number - 1} came`);
      return counts;
    } else await take(next.value);
  }
  await flush();
  throw new CuittyError("import_invalid", "the export is cut: its last line is missing; what came was imported");
}

function assertHeader(line: Line): void {
  if (!("cuitty" in line) || line.cuitty !== "persist-export") throw badLine(1, "it is not the first line of a store.export()");
  if (line.version > exportVersion) {
    throw new CuittyError(
      "newer_format",
      `the export has version ${line.version}, this release reads ${exportVersion}; nothing was imported: upgrade @cuitty/persist`,
    );
  }
}

function changeOf(line: Extract<Line, { type: "record" | "kv" | "event" }>, number: number): RowChange {
  if (line.type === "event") {
    if (typeof line.id !== "string" || !eventId.test(line.id)) throw badLine(number, "its id is not that of an event");
    checkKey(line.log, `log of line ${number}`);
    return { type: "put", address: { facet: "events", path: line.log, leaf: line.id }, row: { json: toJson(line.data) } };
  }
  checkKey(line.key, `key of line ${number}`);
  const json = toJson(line.value);
  if (line.type === "record") {
    return {
      type: "put",
      address: { facet: "records", path: line.key },
      row: line.version === undefined ? { json } : { json, meta: { v: line.version } },
    };
  }
  if (line.type !== "kv") throw badLine(number, "its type is unknown");
  const ends = line.expiresAtMs;
  return { type: "put", address: { facet: "kv", path: line.key }, row: ends === undefined ? { json } : { json, meta: { x: ends } } };
}

/** True when the blob existed and was to be kept; its chunks are read past. */
async function importBlob(
  blobs: Blobs,
  { line, number, existing }: { line: BlobLine; number: number; existing: "replace" | "keep" },
  lines: AsyncGenerator<Numbered>,
): Promise<boolean> {
  checkKey(line.key, `key of line ${number}`);
  if (!Number.isSafeInteger(line.size) || line.size < 0) throw badLine(number, "its size is not a number of bytes");
  const source = chunkLines(line.size, lines);
  if (existing === "keep" && (await blobs.has(line.key))) {
    for await (const _chunk of source);
    return true;
  }
  const { contentType, metadata } = line;
  await blobs.put(line.key, source, {
    ...(contentType === undefined ? {} : { contentType }),
    ...(metadata === undefined ? {} : { metadata }),
  });
  return false;
}

async function* chunkLines(size: number, lines: AsyncGenerator<Numbered>): AsyncGenerator<Uint8Array> {
  for (let left = size; left > 0; ) {
    const next = await lines.next();
    if (next.done) throw new CuittyError("import_invalid", "the export is cut in the middle of a blob");
    const { line, number } = next.value;
    const bytes = "type" in line && line.type === "chunk" ? base64UrlToBytes(line.data) : undefined;
    if (!bytes || bytes.length === 0 || bytes.length > left) throw badLine(number, "expected a chunk of the blob before it");
    left -= bytes.length;
    yield bytes;
  }
}

async function* numberedLines(source: ImportSource): AsyncGenerator<Numbered> {
  let number = 0;
  for await (const text of textLines(source)) {
    if (text === "") continue;
    number++;
    let line: unknown;
    try {
      line = JSON.parse(text);
    } catch (cause) {
      throw badLine(number, "it is not JSON", cause);
    }
    if (typeof line !== "object" || line === null) throw badLine(number, "it is not an object");
    yield { line: line as Line, number };
  }
}

async function* textLines(source: ImportSource): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for await (const part of typeof source === "string" ? [source] : (source as AsyncIterable<string | Uint8Array>)) {
    rest += typeof part === "string" ? part : decoder.decode(part, { stream: true });
    const lines = rest.split(/\r?\n/);
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}

function badLine(number: number, why: string, cause?: unknown): CuittyError {
  return new CuittyError("import_invalid", `line ${number} cannot be imported: ${why}`, {
    details: { line: number },
    ...(cause === undefined ? {} : { cause }),
  });
}
