// Project secrets: webhook signing secrets, sealed by the caller before they come here.
import { blob, check, index, integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { createInsertSchema, createSelectSchema } from "../../utils/schema.ts";
import { commonCols, commonRefinements, isJson } from "../common.ts";
import { projects } from "./projects.ts";

/** Secrets of system.db, encrypted at rest. During a rotation the previous one stays with an `expiresAt`. */
export const projectSecrets = sqliteTable(
  "project_secrets",
  {
    ...commonCols,
    projectId: text("project_id")
      .notNull()
      .references(() => projects.id, { onDelete: "cascade" }),
    /** Version, nonce, ciphertext and tag in one value; storage never opens it. */
    sealed: blob("sealed", { mode: "buffer" }).notNull(),
    /** Which key sealed it. */
    keyId: text("key_id").notNull(),
    expiresAt: integer("expires_at", { mode: "timestamp" }),
    revokedAt: integer("revoked_at", { mode: "timestamp" }),
    note: text("note"),
  },
  (t) => [index("idx_project_secrets_project_id").on(t.projectId, t.createdAt), check("project_secrets_metadata_json", isJson(t.metadata))],
);

/** A row as it is read, and as it is inserted. */
export const selectProjectSecretSchema = createSelectSchema(projectSecrets, commonRefinements);
export const insertProjectSecretSchema = createInsertSchema(projectSecrets, commonRefinements);
