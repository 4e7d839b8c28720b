// Peer credentials: SSH keys and certificate authorities, found by fingerprint.
import { sql } from "drizzle-orm";
import { check, index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { createInsertSchema, createSelectSchema } from "../../utils/schema.ts";
import { commonCols, commonRefinements, FlagSchema, isJson, isOneOf } from "../common.ts";
import { accounts } from "./accounts.ts";

/** Credentials of system.db that are looked up by OpenSSH SHA-256 fingerprint. `credentialType` is `ssh_key`, `cert_authority` or a later one. */
export const peerCredentials = sqliteTable(
  "peer_credentials",
  {
    ...commonCols,
    ownerId: text("owner_id")
      .notNull()
      .references(() => accounts.id, { onDelete: "cascade" }),
    credentialType: text("credential_type").$type<"ssh_key" | "cert_authority" | (string & {})>().notNull(),
    fingerprint: text("fingerprint").notNull(),
    publicKeyData: text("public_key_data").notNull(),
    name: text("name"),
    /** 1 or 0. */
    enabled: integer("enabled").notNull().default(1),
    expiresAt: integer("expires_at", { mode: "timestamp" }),
    revokedAt: integer("revoked_at", { mode: "timestamp" }),
  },
  (t) => [
    uniqueIndex("unq_peer_credentials_fingerprint").on(t.fingerprint),
    index("idx_peer_credentials_owner_id").on(t.ownerId),
    index("idx_peer_credentials_credential_type").on(t.credentialType),
    index("idx_peer_credentials_active").on(t.ownerId).where(sql`revoked_at is null and enabled = 1`),
    check("peer_credentials_metadata_json", isJson(t.metadata)),
    check("peer_credentials_enabled_bool", isOneOf(t.enabled, [0, 1])),
  ],
);

const credentialRefinements = { ...commonRefinements, enabled: FlagSchema };

/** A row as it is read, and as it is inserted. */
export const selectPeerCredentialSchema = createSelectSchema(peerCredentials, credentialRefinements);
export const insertPeerCredentialSchema = createInsertSchema(peerCredentials, credentialRefinements);
