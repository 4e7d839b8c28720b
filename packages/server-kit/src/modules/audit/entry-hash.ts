// The hash of an audit entry: over the stored bytes and the hash of the entry before it.
import crypto, { createHash } from "node:crypto";

/** An entry as it is stored: texts when it is written, their bytes when it is read, as a changed file may hold what is not text any more. */
export interface AuditEntry<Text extends string | Uint8Array = string | Uint8Array> {
  readonly projectId: Text;
  /** 1, 2, 3 … in its project. */
  readonly seq: number;
  readonly id: Text;
  readonly ts: Text;
  readonly receivedAtMs: number;
  readonly isSkewed: boolean;
  readonly data: Text;
  /** Empty for an event without. */
  readonly meta: Text;
}

/** What the first entry of a project follows. */
export const ZERO_HASH: Uint8Array = new Uint8Array(32);

/**
 * SHA-256 of the UTF-8 text `cuitty.audit.v1`, then previous hash (hex), seq, project id, event id, ts, received-at (Unix ms), skewed (0 or 1),
 * data, meta (empty without), joined by line feeds. The first line keeps these hashes apart from all other uses of SHA-256.
 * Shape: 32 bytes in, 32 bytes out; null for an entry with a line feed in a field, which this kit never writes and which could be read two ways.
 */
export function entryHash(previousHash: Uint8Array, entry: AuditEntry): Uint8Array | null {
  const { projectId, seq, id, ts, receivedAtMs, isSkewed, data, meta } = entry;
  if ([projectId, id, ts, data, meta].some(hasLineFeed)) return null;
  const previous = Buffer.from(previousHash.buffer, previousHash.byteOffset, previousHash.byteLength).toString("hex");
  const parts = [`cuitty.audit.v1\n${previous}\n${seq}`, projectId, id, ts, `${receivedAtMs}\n${isSkewed ? 1 : 0}`, data, meta];
  // One call for a text: each costs more than the hashing of a short entry.
  if (parts.every((part) => typeof part === "string")) return hashText(parts.join("\n"));
  const hash = createHash("sha256");
  for (const [index, part] of parts.entries()) {
    if (index > 0) hash.update("\n");
    hash.update(part);
  }
  return hash.digest();
}

/** Without an object for each hash, where the runtime can: half the time. */
const hashText: (text: string) => Uint8Array =
  typeof crypto.hash === "function"
    ? (text) => crypto.hash("sha256", text, "buffer")
    : (text) => createHash("sha256").update(text, "utf8").digest();

const hasLineFeed = (field: string | Uint8Array): boolean => (typeof field === "string" ? field.includes("\n") : field.includes(10));

/** `stored` comes from the file and may be anything there. */
export const isSameHash = (stored: unknown, expected: Uint8Array): boolean =>
  stored instanceof Uint8Array && Buffer.compare(stored, expected) === 0;
