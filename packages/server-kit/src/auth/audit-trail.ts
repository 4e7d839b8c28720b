// Writes audit_logs of system.db: one row per change of a key, secret or project, in the same transaction as the change.

import type { Clock } from "../clock.ts";
import type { Driver } from "./system.ts";

export interface AuditEntry {
  /** `created`, `revoked`, `rotated` for keys; `project_created`, `secret_rotated` and the like otherwise. */
  readonly action: string;
  readonly actor: Actor;
  readonly organizationId: string;
  /** The key that was changed. */
  readonly keyId?: string;
  /** Names and ids only; never a key or secret. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Who changes something: an account, by the credential that was presented. */
export interface Actor {
  readonly accountId: string;
  /** API key id or the app's own user id. */
  readonly subjectId: string;
  readonly requestId?: string | undefined;
}

export type AuditWriter = (entry: AuditEntry) => void;

/** Must be called inside the transaction of the change. */
export function createAuditWriter(driver: Driver, clock: Clock, makeId: () => string): AuditWriter {
  return (entry) => {
    const nowSeconds = Math.floor(clock() / 1000);
    const details = { ...entry.details, subjectId: entry.actor.subjectId, requestId: entry.actor.requestId };
    driver
      .prepare(
        "INSERT INTO audit_logs (id, created_at, updated_at, action, owner_id, credential_id, credential_type, org_id, details) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
      )
      .run([
        makeId(),
        nowSeconds,
        nowSeconds,
        entry.action,
        entry.actor.accountId,
        entry.keyId ?? null,
        entry.keyId === undefined ? null : "api_key",
        entry.organizationId,
        JSON.stringify(details),
      ]);
  };
}
