// Cursors of the list routes: a position in one project's list, opaque, with a checksum that ties it to list and project.
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
  readonly projectId: string;
}

const version = 1;
const checksumBytes = 8;
const totalBytes = 1 + 8 + 8 + checksumBytes;

// No secret goes into it: a cursor that somebody computes by hand is a position in a list that he may read anyway.
const checksum = (scope: ListScope, position: Uint8Array): Buffer =>
  createHash("sha256").update(`cuitty.cursor\n${scope.table}\n${scope.projectId}\n`).update(position).digest().subarray(0, checksumBytes);

/** Opaque text for a position; 34 characters, safe in a URL. */
export function positionToCursor(position: ListPosition, scope: ListScope): string {
  const bytes = Buffer.alloc(totalBytes);
  bytes.writeUInt8(version, 0);
  bytes.writeDoubleBE(position.tsMs, 1);
  bytes.writeDoubleBE(position.seq, 9);
  checksum(scope, bytes.subarray(0, 17)).copy(bytes, 17);
  return bytes.toString("base64url");
}

/** Reads a cursor of this list and project. Errors: `invalid_cursor` for anything else: changed, made up, of another list or project. */
export function parseCursor(cursor: string, scope: ListScope): ListPosition {
  const bytes = Buffer.from(cursor, "base64url");
  const isOurs =
    bytes.length === totalBytes &&
    bytes.toString("base64url") === cursor &&
    bytes.readUInt8(0) === version &&
    checksum(scope, bytes.subarray(0, 17)).equals(bytes.subarray(17));
  const position = isOurs ? { tsMs: bytes.readDoubleBE(1), seq: bytes.readDoubleBE(9) } : null;
  if (position === null || !Number.isSafeInteger(position.tsMs) || !Number.isSafeInteger(position.seq)) {
    throw new CuittyError(
      "invalid_cursor",
      "cursor: expected the nextCursor of an earlier page of this list in this project; leave it out to start at the first page",
    );
  }
  return position;
}
