// The one rule that says whether an API key or peer credential may be used now.

/** What the rule reads of a row of `api_keys` or `peer_credentials`. */
export interface CredentialState {
  /** 1 or 0. */
  readonly enabled: number;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  /** Only API keys have it. */
  readonly rotatedToId?: string | null;
}

export type CredentialStatus = "active" | "expired" | "disabled" | "revoked" | "rotated";

/**
 * The status at `now`. Revoked beats everything and is for ever; a revoked key with a successor is `rotated`; disabled beats expired.
 * A key that was rotated with a grace period has a successor and an `expiresAt`, and is active until then.
 */
export function credentialStatus(row: CredentialState, now: Date = new Date()): CredentialStatus {
  if (row.revokedAt !== null) return row.rotatedToId == null ? "revoked" : "rotated";
  if (row.enabled !== 1) return "disabled";
  if (row.expiresAt === null || row.expiresAt.getTime() > now.getTime()) return "active";
  return row.rotatedToId == null ? "expired" : "rotated";
}

/** True for an active credential, and for no other. The owner's account has a status of its own: check it too. */
export function isUsable(row: CredentialState, now: Date = new Date()): boolean {
  return credentialStatus(row, now) === "active";
}
