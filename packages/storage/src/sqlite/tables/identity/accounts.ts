// Accounts: people and service identities that own keys and organizations.
import { check, index, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { createInsertSchema, createSelectSchema } from "../../utils/schema.ts";
import { commonCols, commonRefinements, isJson, isOneOf } from "../common.ts";

/** `admin` manages everything, `user` what is theirs and their organizations', `service` is an automated account. */
export const ACCESS_LEVELS = ["admin", "user", "service"] as const;
/** `suspended` is an admin's lock, `deactivated` the user's own; both keep what they own and cannot authenticate. */
export const ACCOUNT_STATUSES = ["active", "suspended", "deactivated"] as const;

/** Accounts of system.db. An account that owns an organization or stands in the audit trail cannot be deleted: deactivate it. */
export const accounts = sqliteTable(
  "accounts",
  {
    ...commonCols,
    email: text("email").notNull(),
    displayName: text("display_name"),
    accessLevel: text("access_level", { enum: ACCESS_LEVELS }).notNull().default("user"),
    status: text("status", { enum: ACCOUNT_STATUSES }).notNull().default("active"),
  },
  (t) => [
    uniqueIndex("unq_accounts_email").on(t.email),
    index("idx_accounts_access_level").on(t.accessLevel),
    index("idx_accounts_status").on(t.status),
    check("accounts_metadata_json", isJson(t.metadata)),
    check("accounts_access_level_enum", isOneOf(t.accessLevel, ACCESS_LEVELS)),
    check("accounts_status_enum", isOneOf(t.status, ACCOUNT_STATUSES)),
  ],
);

/** A row as it is read, and as it is inserted. */
export const selectAccountSchema = createSelectSchema(accounts, commonRefinements);
export const insertAccountSchema = createInsertSchema(accounts, commonRefinements);
