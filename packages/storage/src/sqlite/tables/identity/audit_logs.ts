// Audit logs: the append-only trail of who did what to credentials, memberships and organizations.
import { check, index, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { createInsertSchema, createSelectSchema } from "../../utils/schema.ts";
import { commonCols, commonRefinements, isJson, MetadataSchema } from "../common.ts";
import { accounts } from "./accounts.ts";
import { organizations } from "./organizations.ts";

/** The actions storage knows; consumers add their own. */
export type AuditAction = "created" | "revoked" | "rotated" | "enabled" | "disabled" | "login" | "access_denied" | (string & {});

/** Audit trail of system.db. An account that appears here cannot be deleted; a deleted organization leaves its entries behind. */
export const auditLogs = sqliteTable(
  "audit_logs",
  {
    ...commonCols,
    action: text("action").$type<AuditAction>().notNull(),
    ownerId: text("owner_id")
      .notNull()
      .references(() => accounts.id, { onDelete: "restrict" }),
    /** Id in `api_keys` or `peer_credentials`, as `credentialType` says; no foreign key. */
    credentialId: text("credential_id"),
    credentialType: text("credential_type").$type<"api_key" | "peer_credential" | (string & {})>(),
    orgId: text("org_id").references(() => organizations.id, { onDelete: "set null" }),
    details: text("details", { mode: "json" }).$type<Record<string, unknown>>(),
  },
  (t) => [
    index("idx_audit_logs_owner_id").on(t.ownerId),
    index("idx_audit_logs_credential_id").on(t.credentialId),
    index("idx_audit_logs_action").on(t.action),
    index("idx_audit_logs_created_at").on(t.createdAt),
    index("idx_audit_logs_org_id").on(t.orgId),
    check("audit_logs_metadata_json", isJson(t.metadata)),
    check("audit_logs_details_json", isJson(t.details)),
  ],
);

/** A row as it is read, and as it is inserted. */
export const selectAuditLogSchema = createSelectSchema(auditLogs, { ...commonRefinements, details: MetadataSchema });
export const insertAuditLogSchema = createInsertSchema(auditLogs, { ...commonRefinements, details: MetadataSchema });
