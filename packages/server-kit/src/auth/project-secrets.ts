// Webhook secrets of projects: sealed rows of `project_secrets`, at most two of them live.
import type { SigningSecret } from "@cuitty/wire-protocol/signature";
import { randomText } from "./key-format.ts";
import type { StorePorts } from "./key-store.ts";
import type { SecretBox } from "./master-key.ts";

/** A webhook secret, this once. */
export interface IssuedSecret {
  readonly secretId: string;
  readonly webhookSecret: string;
}

export interface ProjectSecrets {
  /** Makes and stores a secret; call inside the transaction of the change. */
  insert(projectId: string): IssuedSecret;
  /** Ends the current secret now or after `graceSeconds`; one that was in its own grace period ends now. */
  end(projectId: string, graceSeconds: number): void;
  /** The current secret first. Errors: `master_key_mismatch`; skipping such a row would look like a wrong signature. */
  live(projectId: string): readonly SigningSecret[];
  /** Until the next live secret ends; Infinity when none does. Units: ms from now. */
  nextEndMs(projectId: string): number;
}

/** Secrets in use that another master key than the one of this id sealed; all in use for null. */
export function countForeignSecrets(driver: StorePorts["driver"], keyId: string | null, nowSeconds: number): number {
  const row = driver
    .prepare(
      `SELECT count(*) FROM project_secrets s JOIN projects p ON p.id = s.project_id AND p.deleted_at IS NULL
       WHERE s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > ?) AND s.key_id IS NOT ?`,
    )
    .get([nowSeconds, keyId]);
  return row?.[0] as number;
}

export function createProjectSecrets(ports: Pick<StorePorts, "driver" | "clock" | "random">, box: SecretBox): ProjectSecrets {
  const { driver, clock, random } = ports;
  const seconds = () => Math.floor(clock() / 1000);
  return {
    insert(projectId) {
      const secretId = `sec_${randomText(16, random)}`;
      const webhookSecret = `whsec_${randomText(40, random)}`;
      const sealed = box.seal(webhookSecret, `${projectId}/${secretId}`);
      driver
        .prepare("INSERT INTO project_secrets (id, created_at, updated_at, project_id, sealed, key_id) VALUES (?, ?, ?, ?, ?, ?)")
        .run([secretId, seconds(), seconds(), projectId, sealed, box.keyId]);
      return { secretId, webhookSecret };
    },
    end(projectId, graceSeconds) {
      const nowSeconds = seconds();
      driver
        .prepare("UPDATE project_secrets SET revoked_at = ? WHERE project_id = ? AND revoked_at IS NULL AND expires_at IS NOT NULL")
        .run([nowSeconds, projectId]);
      const column = graceSeconds === 0 ? "revoked_at" : "expires_at";
      driver
        .prepare(
          `UPDATE project_secrets SET updated_at = ?, ${column} = ? WHERE project_id = ? AND revoked_at IS NULL AND expires_at IS NULL`,
        )
        .run([nowSeconds, nowSeconds + graceSeconds, projectId]);
    },
    live(projectId) {
      return driver
        .prepare(
          `SELECT id, sealed FROM project_secrets
           WHERE project_id = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)
           ORDER BY expires_at IS NOT NULL, created_at DESC, id DESC`,
        )
        .all([projectId, seconds()])
        .map(([id, sealed]) => ({ id: id as string, secret: box.open(sealed as Uint8Array, `${projectId}/${id as string}`) }));
    },
    nextEndMs(projectId) {
      const row = driver
        .prepare("SELECT min(expires_at) FROM project_secrets WHERE project_id = ? AND revoked_at IS NULL AND expires_at > ?")
        .get([projectId, seconds()]);
      const endsAt = (row?.[0] ?? null) as number | null;
      return endsAt === null ? Number.POSITIVE_INFINITY : Math.max(0, endsAt * 1000 - clock());
    },
  };
}
