// The hash of an audit entry: over the stored bytes and the hash of the entry before it.
import { createHash } from "node:crypto";

/** An entry as it is stored. */
export interface AuditEntry {
  readonly projectId: string;
  /** 1, 2, 3 … in its project. */
  readonly seq: number;
  readonly id: string;
  readonly ts: string;
  readonly receivedAtMs: number;
  readonly isSkewed: boolean;
  readonly dataJson: string;
  readonly metaJson: string | null;
}

/** What the first entry of a project follows. */
export const ZERO_HASH: Uint8Array = new Uint8Array(32);

/**
 * SHA-256 of the UTF-8 text `cuitty.audit.v1`, then previous hash (hex), seq, project id, event id, ts, received-at (Unix ms), skewed (0 or 1),
 * data, meta (empty without), joined by line feeds. The first line keeps these hashes apart from all other uses of SHA-256.
 * Shape: 32 bytes in, 32 bytes out; null for an entry with a line feed in a field, which this kit never writes and which could be read two ways.
 */
export function entryHash(previousHash: Uint8Array, entry: AuditEntry): Uint8Array | null {
  const fields = [entry.projectId, entry.id, entry.ts, entry.dataJson, entry.metaJson ?? ""];
  if (fields.some((field) => field.includes("\n"))) return null;
  const [projectId, id, ts, data, meta] = fields;
  const previous = Buffer.from(previousHash.buffer, previousHash.byteOffset, previousHash.byteLength).toString("hex");
  const text = `cuitty.audit.v1\n${previous}\n${entry.seq}\n${projectId}\n${id}\n${ts}\n${entry.receivedAtMs}\n${entry.isSkewed ? 1 : 0}\n${data}\n${meta}`;
  return createHash("sha256").update(text, "utf8").digest();
}

/** `stored` comes from the file and may be anything there. */
export const isSameHash = (stored: unknown, expected: Uint8Array): boolean =>
  stored instanceof Uint8Array && Buffer.compare(stored, expected) === 0;
