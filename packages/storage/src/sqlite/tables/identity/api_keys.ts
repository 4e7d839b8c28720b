// API keys: bearer credentials, stored as SHA-256 hashes only.
import { sql } from "drizzle-orm";
import { check, index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { createInsertSchema, createSelectSchema } from "../../utils/schema.ts";
import { commonCols, commonRefinements, FlagSchema, isJson, isOneOf } from "../common.ts";
import { accounts } from "./accounts.ts";

/** Keys of system.db. `metadata` carries `projectId`, `scopes`, `resources` and `tags`; whether a row may be used is `isUsable`'s to say. */
export const apiKeys = sqliteTable(
  "api_keys",
  {
    ...commonCols,
    ownerId: text("owner_id")
      .notNull()
      .references(() => accounts.id, { onDelete: "cascade" }),
    keyHash: text("key_hash").notNull(),
    name: text("name"),
    /** 1 or 0. */
    enabled: integer("enabled").notNull().default(1),
    expiresAt: integer("expires_at", { mode: "timestamp" }),
    revokedAt: integer("revoked_at", { mode: "timestamp" }),
    /** The key that replaced this one; no foreign key, so that the trail survives a deleted successor. */
    rotatedToId: text("rotated_to_id"),
    lastUsedAt: integer("last_used_at", { mode: "timestamp" }),
  },
  (t) => [
    uniqueIndex("unq_api_keys_key_hash").on(t.keyHash),
    index("idx_api_keys_owner_id").on(t.ownerId),
    index("idx_api_keys_enabled").on(t.enabled),
    index("idx_api_keys_active").on(t.ownerId).where(sql`revoked_at is null and enabled = 1`),
    index("idx_api_keys_project_id").on(sql`json_extract(metadata, '$.projectId')`),
    check("api_keys_metadata_json", isJson(t.metadata)),
    check("api_keys_enabled_bool", isOneOf(t.enabled, [0, 1])),
  ],
);

const credentialRefinements = { ...commonRefinements, enabled: FlagSchema };

/** A row as it is read, and as it is inserted. */
export const selectApiKeySchema = createSelectSchema(apiKeys, credentialRefinements);
export const insertApiKeySchema = createInsertSchema(apiKeys, credentialRefinements);
