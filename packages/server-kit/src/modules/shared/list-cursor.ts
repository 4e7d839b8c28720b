// Cursors of the list routes: a position in one project's list, or in the list of projects, opaque, with a checksum that ties it to list and project.
import { createHash } from "node:crypto";
import { CuittyError } from "@cuitty/wire-protocol";

/** Where a page ended: the last row's time and sequence number. */
export interface ListPosition {
  readonly tsMs: number;
  readonly seq: number;
}

/** What a cursor belongs to. */
export interface ListScope {
  readonly table: string;
  /** Id of the organization where it is projects that are listed. */
  readonly projectId: string;
}

const version = 1;
const checksumBytes = 8;
const positionBytes = 8 + 8;

/** Opaque text for a position; 34 characters, safe in a URL. */
export function positionToCursor(position: ListPosition, scope: ListScope): string {
  const bytes = Buffer.alloc(positionBytes);
  bytes.writeDoubleBE(position.tsMs, 0);
  bytes.writeDoubleBE(position.seq, 8);
  return bytesToCursor(bytes, scope);
}

/** Reads a cursor of this list and project. Errors: `invalid_cursor` for anything else: changed, made up, of another list or project. */
export function parseCursor(cursor: string, scope: ListScope): ListPosition {
  const bytes = cursorToBytes(cursor, scope);
  const position = bytes?.length === positionBytes ? { tsMs: bytes.readDoubleBE(0), seq: bytes.readDoubleBE(8) } : null;
  if (position === null || !Number.isSafeInteger(position.tsMs) || !Number.isSafeInteger(position.seq)) throw invalidCursor();
  return position;
}

/** The same for a list in the order of its ids. */
export function idToCursor(id: string, scope: ListScope): string {
  return bytesToCursor(Buffer.from(id), scope);
}

/** The id that a page ended with. Errors: `invalid_cursor`. */
export function parseIdCursor(cursor: string, scope: ListScope): string {
  const bytes = cursorToBytes(cursor, scope);
  if (bytes === null) throw invalidCursor();
  return bytes.toString();
}

function bytesToCursor(position: Uint8Array, scope: ListScope): string {
  const bytes = Buffer.concat([Buffer.of(version), position]);
  return Buffer.concat([bytes, checksum(scope, bytes)]).toString("base64url");
}

function cursorToBytes(cursor: string, scope: ListScope): Buffer | null {
  const bytes = Buffer.from(cursor, "base64url");
  const end = bytes.length - checksumBytes;
  const isOurs =
    end >= 1 &&
    bytes.toString("base64url") === cursor &&
    bytes.readUInt8(0) === version &&
    checksum(scope, bytes.subarray(0, end)).equals(bytes.subarray(end));
  return isOurs ? bytes.subarray(1, end) : null;
}

// No secret goes into it: a cursor that somebody computes by hand is a position in a list that he may read anyway.
function checksum(scope: ListScope, bytes: Uint8Array): Buffer {
  return createHash("sha256")
    .update(`cuitty.cursor\n${scope.table}\n${scope.projectId}\n`)
    .update(bytes)
    .digest()
    .subarray(0, checksumBytes);
}

function invalidCursor(): CuittyError {
  return new CuittyError(
    "invalid_cursor",
    "cursor: expected the nextCursor of an earlier page of this list in this project; leave it out to start at the first page",
  );
}
