// Rows of `api_keys` as the kit uses them: scopes, project, kind and origins live in `metadata`.
import type { SqlRow } from "@cuitty/storage/module-file";
import type { KeyKind } from "./key-format.ts";

export interface KeyRecord {
  readonly id: string;
  readonly hash: string;
  readonly ownerId: string;
  readonly name: string | null;
  readonly kind: KeyKind;
  readonly projectId: string;
  readonly organizationId: string;
  readonly scopes: readonly string[];
  readonly origins: readonly string[];
  /** Last four characters of the key, to tell keys apart in a list. */
  readonly last4: string;
  readonly isEnabled: boolean;
  /** Units: Unix s, as all times of system.db. */
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
  readonly rotatedToId: string | null;
  readonly lastUsedAt: number | null;
}

export const KEY_COLUMNS =
  "k.id, k.key_hash, k.owner_id, k.name, k.metadata, k.enabled, k.created_at, k.expires_at, k.revoked_at, k.rotated_to_id, k.last_used_at";

/** Keys of active accounts and of projects that are not deleted; the others are of no use. */
export const KEY_OWNERS = `JOIN accounts a ON a.id = k.owner_id AND a.status = 'active'
  JOIN projects p ON p.id = json_extract(k.metadata, '$.projectId') AND p.deleted_at IS NULL`;

/** As `isLive`, in SQL; takes the time. Units: Unix s. */
export const KEY_IS_LIVE = "k.enabled = 1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > ?)";

interface KeyMetadata {
  readonly kind?: KeyKind;
  readonly projectId?: string;
  readonly organizationId?: string;
  readonly scopes?: readonly string[];
  readonly origins?: readonly string[];
  readonly last4?: string;
}

/** A row selected as `KEY_COLUMNS`. A row without scopes has none: rows of other makers grant nothing. */
export function keyRecordOf(row: SqlRow): KeyRecord {
  const [id, hash, ownerId, name, metadata, enabled, createdAt, expiresAt, revokedAt, rotatedToId, lastUsedAt] = row;
  const {
    kind = "sk",
    projectId = "",
    organizationId = "",
    scopes = [],
    origins = [],
    last4 = "",
  } = JSON.parse((metadata as string | null) ?? "{}") as KeyMetadata;
  return {
    id: id as string,
    hash: hash as string,
    ownerId: ownerId as string,
    name: name as string | null,
    kind,
    projectId,
    organizationId,
    scopes,
    origins,
    last4,
    isEnabled: enabled === 1,
    createdAt: createdAt as number,
    expiresAt: expiresAt as number | null,
    revokedAt: revokedAt as number | null,
    rotatedToId: rotatedToId as string | null,
    lastUsedAt: lastUsedAt as number | null,
  };
}

/** Whether a key may be used now. */
export function isLive(record: KeyRecord, nowSeconds: number): boolean {
  return record.isEnabled && record.revokedAt === null && (record.expiresAt === null || record.expiresAt > nowSeconds);
}
