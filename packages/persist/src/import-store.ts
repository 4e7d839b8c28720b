// Reads the lines of an exported store into an open one.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { toJson } from "./core/json.ts";
import { checkKey } from "./core/paths.ts";
import { addressId } from "./core/row.ts";
import type { RowChange, Rows } from "./core/rows.ts";
import { createPace } from "./core/turn.ts";
import type { OwnBlobs } from "./facets/blobs.ts";
import { checkOptionsObject } from "./facets/check.ts";
import { checkEvent, type EventIds, eventChange } from "./facets/events.ts";
import type { Schemas } from "./facets/schemas.ts";
import { importBlob } from "./import-blob.ts";
import { badLine, cutAt, type ImportSource, type Numbered, numberedLines } from "./import-lines.ts";
import { exportVersion, type Line } from "./transfer-format.ts";

const commitRows = 500;
/** Of JSON text: large values are not gathered by the hundred. Units: UTF-16 units. */
const commitChars = 4 * 1024 * 1024;
/** Up to the year 10332: an id that begins with "f" leaves too little room for those to come after it. */
const eventId = /^[0-9a-e][0-9a-f]{23}$/;

export type { ImportSource };

export interface ImportOptions {
  /** What happens to a key that exists. @default "replace" */
  readonly existing?: "replace" | "keep" | undefined;
}

/** How many of each kind were written. */
export interface ImportResult {
  readonly records: number;
  readonly kv: number;
  readonly events: number;
  readonly blobs: number;
  /** Left alone because the key existed. */
  readonly kept: number;
}

type RowPut = Extract<RowChange, { type: "put" }>;

export interface ImportParts {
  readonly rows: Rows;
  readonly blobs: OwnBlobs;
  readonly schemas: Schemas;
  readonly eventIds: EventIds;
  readonly clock: () => number;
}

/**
 * Errors: `import_invalid`, `newer_format`, `invalid_key`, `value_not_json`, `value_too_large`, `invalid_record`, each naming the line.
 * What stood before a bad line is imported; importing again is safe. Nothing may come after the export's last line: two exports in one are refused at the second.
 */
export async function importStore(parts: ImportParts, source: ImportSource, options: ImportOptions = {}): Promise<ImportResult> {
  const { rows, blobs } = parts;
  checkOptionsObject(options, "import", ["existing"]);
  const { existing = "replace" } = options;
  if (existing !== "replace" && existing !== "keep") throw new CuittyError("invalid_option", 'existing must be "replace" or "keep"');
  const counts = { records: 0, kv: 0, events: 0, blobs: 0, kept: 0 };
  const lines = numberedLines(source);
  const pace = createPace();
  let waiting: RowChange[] = [];
  let waitingChars = 0;

  async function flush(): Promise<void> {
    const changes = waiting;
    waiting = [];
    waitingChars = 0;
    if (changes.length === 0) return;
    try {
      const written = await (existing === "keep" ? commitNew(parts, changes) : commitAll(rows, changes));
      for (const { address } of written) counts[address.facet as "records" | "kv" | "events"]++;
      if (existing === "keep") counts.kept += changes.length - written.length;
    } finally {
      for (const { address } of changes) if (address.facet === "events") parts.eventIds.forget(address.path);
    }
  }

  async function take({ line, number }: Numbered): Promise<void> {
    if ("cuitty" in line || line.type === "chunk" || line.type === "end") throw badLine(number, "a line of this kind cannot stand here");
    if (line.type === "blob") {
      await flush();
      const isKept = await withLine(number, () => importBlob(blobs, { line, number, existing }, lines));
      counts[isKept ? "kept" : "blobs"]++;
      return;
    }
    const change = await withLine(number, () => changeOf(line, number, parts.schemas));
    waiting.push(change);
    waitingChars += change.row.json!.length;
    if (waiting.length >= commitRows || waitingChars >= commitChars) await flush();
  }

  async function takeAll(): Promise<ImportResult> {
    let last = 0;
    for (let next = await lines.next(); !next.done; next = await lines.next()) {
      const { line, number } = next.value;
      last = number;
      await pace();
      if (number === 1) assertHeader(line);
      else if ("type" in line && line.type === "end") {
        await flush();
        if (line.lines !== number - 1) throw badLine(number, `it counts ${line.lines} lines, ${number - 1} came`);
        const { value: more } = await lines.next();
        if (more) throw badLine(more.number, "it comes after the last line of the export; what came before it was imported");
        return counts;
      } else await take(next.value);
    }
    await flush();
    throw cutAt(last + 1, "the export is cut: its last line is missing; what came was imported");
  }

  try {
    return await takeAll();
  } catch (error) {
    // What went wrong first is what the caller can act on.
    await flush().catch(() => undefined);
    throw error;
  } finally {
    // What it throws changes nothing about what was imported, nor about why the import failed.
    await lines.return(undefined).catch(() => undefined);
  }
}

/** Of what comes twice the last one is left, and counted. */
async function commitAll(rows: Rows, changes: readonly RowChange[]): Promise<readonly RowChange[]> {
  const changeById = new Map(changes.map((change) => [addressId(change.address), change]));
  const left = [...changeById.values()];
  await rows.commit(left);
  return left;
}

/** Commits what is not there, and what nobody wrote since that was looked up. Returns what it committed. */
async function commitNew(parts: ImportParts, changes: readonly RowChange[]): Promise<readonly RowChange[]> {
  const { rows } = parts;
  const written = new Set<string>();
  const stop = rows.writer.onQueued((id) => written.add(id));
  try {
    const there = await Promise.all(changes.map((change) => isThere(parts, change)));
    const fresh: RowChange[] = [];
    for (const [index, change] of changes.entries()) {
      const id = addressId(change.address);
      if (!there[index] && !written.has(id)) fresh.push(change);
      // A key that comes twice is there the second time.
      written.add(id);
    }
    if (fresh.length > 0) await rows.commit(fresh);
    return fresh;
  } finally {
    stop();
  }
}

/** An entry whose time is over is not there any more, only not yet deleted. */
async function isThere({ rows, clock }: ImportParts, { address }: RowChange): Promise<boolean> {
  const row = await rows.get(address);
  return row !== undefined && (row.meta?.x === undefined || row.meta.x > clock());
}

/** What is wrong with a line says which line it is. */
async function withLine<T>(number: number, body: () => T | Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (error) {
    if (!isCuittyError(error) || (error.details as { line?: number } | undefined)?.line !== undefined) throw error;
    throw new CuittyError(error.code, `line ${number} cannot be imported: ${error.message}`, {
      retryable: error.retryable,
      details: { ...error.details, line: number },
      cause: error,
    });
  }
}

function assertHeader(line: Line): void {
  if (!("cuitty" in line) || line.cuitty !== "persist-export") throw badLine(1, "it is not the first line of a store.export()");
  if (!(Number.isSafeInteger(line.version) && line.version >= 1)) throw badLine(1, "its version is not a whole number from 1");
  if (line.version > exportVersion) {
    throw new CuittyError(
      "newer_format",
      `the export has version ${line.version}, this release reads ${exportVersion}; nothing was imported: upgrade @cuitty/persist`,
    );
  }
}

function changeOf(line: Extract<Line, { type: "record" | "kv" | "event" }>, number: number, schemas: Schemas): RowPut {
  if (line.type === "event") {
    if (typeof line.id !== "string" || !eventId.test(line.id))
      throw badLine(number, "its id is not that of an event, or leaves no room for later ones");
    const { log, json } = checkEvent(line.log, line.data);
    return eventChange(log, line.id, json);
  }
  if (line.type !== "record" && line.type !== "kv") throw badLine(number, "its type is unknown");
  checkKey(line.key);
  const address = { facet: line.type === "record" ? ("records" as const) : line.type, path: line.key };
  const json = toJson(line.value);
  if (line.type === "record") {
    const { version } = line;
    if (version !== undefined && !(Number.isSafeInteger(version) && version >= 1))
      throw badLine(number, "its version is not a whole number from 1");
    schemas.checkStored(line.key, line.value, version);
    return { type: "put", address, row: version === undefined ? { json } : { json, meta: { v: version } } };
  }
  const ends = line.expiresAtMs;
  if (ends !== undefined && !Number.isFinite(ends)) throw badLine(number, "its expiresAtMs is not a number of milliseconds");
  return { type: "put", address, row: ends === undefined ? { json } : { json, meta: { x: ends } } };
}
