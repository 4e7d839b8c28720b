// The migrations of system.db. A released one never changes: add the next.
import type { Migration } from "../module-file/types.ts";

const COMMON = `"id" TEXT PRIMARY KEY NOT NULL,
  "metadata" TEXT DEFAULT '{}',
  "created_at" INTEGER DEFAULT (strftime('%s', 'now')) NOT NULL,
  "updated_at" INTEGER DEFAULT (strftime('%s', 'now')) NOT NULL`;

const identity: Migration = {
  version: 1,
  name: "identity",
  statements: [
    `CREATE TABLE "accounts" (
  ${COMMON},
  "email" TEXT NOT NULL,
  "display_name" TEXT,
  "access_level" TEXT DEFAULT 'user' NOT NULL,
  "status" TEXT DEFAULT 'active' NOT NULL,
  CONSTRAINT "accounts_metadata_json" CHECK ("metadata" is null or json_valid("metadata")),
  CONSTRAINT "accounts_access_level_enum" CHECK ("access_level" in ('admin', 'user', 'service')),
  CONSTRAINT "accounts_status_enum" CHECK ("status" in ('active', 'suspended', 'deactivated'))
) STRICT`,
    `CREATE UNIQUE INDEX "unq_accounts_email" ON "accounts" ("email")`,
    `CREATE INDEX "idx_accounts_access_level" ON "accounts" ("access_level")`,
    `CREATE INDEX "idx_accounts_status" ON "accounts" ("status")`,

    `CREATE TABLE "organizations" (
  ${COMMON},
  "name" TEXT NOT NULL,
  "slug" TEXT NOT NULL,
  "owner_id" TEXT NOT NULL REFERENCES "accounts" ("id") ON DELETE RESTRICT,
  CONSTRAINT "organizations_metadata_json" CHECK ("metadata" is null or json_valid("metadata"))
) STRICT`,
    `CREATE UNIQUE INDEX "unq_organizations_name" ON "organizations" ("name")`,
    `CREATE UNIQUE INDEX "unq_organizations_slug" ON "organizations" ("slug")`,
    `CREATE INDEX "idx_organizations_owner_id" ON "organizations" ("owner_id")`,

    `CREATE TABLE "organization_members" (
  ${COMMON},
  "org_id" TEXT NOT NULL REFERENCES "organizations" ("id") ON DELETE CASCADE,
  "account_id" TEXT NOT NULL REFERENCES "accounts" ("id") ON DELETE CASCADE,
  "membership_level" TEXT NOT NULL,
  CONSTRAINT "organization_members_metadata_json" CHECK ("metadata" is null or json_valid("metadata")),
  CONSTRAINT "organization_members_level_enum" CHECK ("membership_level" in ('owner', 'admin', 'member'))
) STRICT`,
    `CREATE UNIQUE INDEX "unq_org_members_org_account" ON "organization_members" ("org_id", "account_id")`,
    `CREATE INDEX "idx_org_members_account_id" ON "organization_members" ("account_id")`,
    `CREATE INDEX "idx_org_members_org_id" ON "organization_members" ("org_id")`,

    `CREATE TABLE "api_keys" (
  ${COMMON},
  "owner_id" TEXT NOT NULL REFERENCES "accounts" ("id") ON DELETE CASCADE,
  "key_hash" TEXT NOT NULL,
  "name" TEXT,
  "enabled" INTEGER DEFAULT 1 NOT NULL,
  "expires_at" INTEGER,
  "revoked_at" INTEGER,
  "rotated_to_id" TEXT,
  "last_used_at" INTEGER,
  CONSTRAINT "api_keys_metadata_json" CHECK ("metadata" is null or json_valid("metadata")),
  CONSTRAINT "api_keys_enabled_bool" CHECK ("enabled" in (0, 1))
) STRICT`,
    `CREATE UNIQUE INDEX "unq_api_keys_key_hash" ON "api_keys" ("key_hash")`,
    `CREATE INDEX "idx_api_keys_owner_id" ON "api_keys" ("owner_id")`,
    `CREATE INDEX "idx_api_keys_enabled" ON "api_keys" ("enabled")`,
    `CREATE INDEX "idx_api_keys_active" ON "api_keys" ("owner_id") WHERE revoked_at is null and enabled = 1`,
    `CREATE INDEX "idx_api_keys_project_id" ON "api_keys" (json_extract(metadata, '$.projectId'))`,

    `CREATE TABLE "peer_credentials" (
  ${COMMON},
  "owner_id" TEXT NOT NULL REFERENCES "accounts" ("id") ON DELETE CASCADE,
  "credential_type" TEXT NOT NULL,
  "fingerprint" TEXT NOT NULL,
  "public_key_data" TEXT NOT NULL,
  "name" TEXT,
  "enabled" INTEGER DEFAULT 1 NOT NULL,
  "expires_at" INTEGER,
  "revoked_at" INTEGER,
  CONSTRAINT "peer_credentials_metadata_json" CHECK ("metadata" is null or json_valid("metadata")),
  CONSTRAINT "peer_credentials_enabled_bool" CHECK ("enabled" in (0, 1))
) STRICT`,
    `CREATE UNIQUE INDEX "unq_peer_credentials_fingerprint" ON "peer_credentials" ("fingerprint")`,
    `CREATE INDEX "idx_peer_credentials_owner_id" ON "peer_credentials" ("owner_id")`,
    `CREATE INDEX "idx_peer_credentials_credential_type" ON "peer_credentials" ("credential_type")`,
    `CREATE INDEX "idx_peer_credentials_active" ON "peer_credentials" ("owner_id") WHERE revoked_at is null and enabled = 1`,

    `CREATE TABLE "audit_logs" (
  ${COMMON},
  "action" TEXT NOT NULL,
  "owner_id" TEXT NOT NULL REFERENCES "accounts" ("id") ON DELETE RESTRICT,
  "credential_id" TEXT,
  "credential_type" TEXT,
  "org_id" TEXT REFERENCES "organizations" ("id") ON DELETE SET NULL,
  "details" TEXT,
  CONSTRAINT "audit_logs_metadata_json" CHECK ("metadata" is null or json_valid("metadata")),
  CONSTRAINT "audit_logs_details_json" CHECK ("details" is null or json_valid("details"))
) STRICT`,
    `CREATE INDEX "idx_audit_logs_owner_id" ON "audit_logs" ("owner_id")`,
    `CREATE INDEX "idx_audit_logs_credential_id" ON "audit_logs" ("credential_id")`,
    `CREATE INDEX "idx_audit_logs_action" ON "audit_logs" ("action")`,
    `CREATE INDEX "idx_audit_logs_created_at" ON "audit_logs" ("created_at")`,
    `CREATE INDEX "idx_audit_logs_org_id" ON "audit_logs" ("org_id")`,

    `CREATE TABLE "projects" (
  ${COMMON},
  "org_id" TEXT NOT NULL REFERENCES "organizations" ("id") ON DELETE RESTRICT,
  "name" TEXT NOT NULL,
  "slug" TEXT NOT NULL,
  "deleted_at" INTEGER,
  "signature_policy" TEXT DEFAULT 'required' NOT NULL,
  "limits" TEXT,
  CONSTRAINT "projects_metadata_json" CHECK ("metadata" is null or json_valid("metadata")),
  CONSTRAINT "projects_limits_json" CHECK ("limits" is null or json_valid("limits")),
  CONSTRAINT "projects_signature_policy_enum" CHECK ("signature_policy" in ('required', 'optional', 'extended'))
) STRICT`,
    `CREATE UNIQUE INDEX "unq_projects_org_slug" ON "projects" ("org_id", "slug")`,
    `CREATE INDEX "idx_projects_deleted_at" ON "projects" ("deleted_at")`,

    `CREATE TABLE "project_secrets" (
  ${COMMON},
  "project_id" TEXT NOT NULL REFERENCES "projects" ("id") ON DELETE CASCADE,
  "sealed" BLOB NOT NULL,
  "key_id" TEXT NOT NULL,
  "expires_at" INTEGER,
  "revoked_at" INTEGER,
  "note" TEXT,
  CONSTRAINT "project_secrets_metadata_json" CHECK ("metadata" is null or json_valid("metadata"))
) STRICT`,
    `CREATE INDEX "idx_project_secrets_project_id" ON "project_secrets" ("project_id", "created_at")`,
  ],
};

/** In order; `applyMigrations(driver, { kind: "system", migrations: systemMigrations })`. */
export const systemMigrations: readonly Migration[] = [identity];
