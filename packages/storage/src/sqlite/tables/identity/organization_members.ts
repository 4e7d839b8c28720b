// Membership: which account belongs to which organization, and with what level. The authority the ACL graph is derived from.
import { check, index, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { createInsertSchema, createSelectSchema } from "../../utils/schema.ts";
import { commonCols, commonRefinements, isJson, isOneOf } from "../common.ts";
import { accounts } from "./accounts.ts";
import { organizations } from "./organizations.ts";

/** `owner` has full control and manages members, `admin` manages projects and members, `member` has access. */
export const MEMBERSHIP_LEVELS = ["owner", "admin", "member"] as const;

/** One row for each account in each organization. */
export const organizationMembers = sqliteTable(
  "organization_members",
  {
    ...commonCols,
    orgId: text("org_id")
      .notNull()
      .references(() => organizations.id, { onDelete: "cascade" }),
    accountId: text("account_id")
      .notNull()
      .references(() => accounts.id, { onDelete: "cascade" }),
    membershipLevel: text("membership_level", { enum: MEMBERSHIP_LEVELS }).notNull(),
  },
  (t) => [
    uniqueIndex("unq_org_members_org_account").on(t.orgId, t.accountId),
    index("idx_org_members_account_id").on(t.accountId),
    index("idx_org_members_org_id").on(t.orgId),
    check("organization_members_metadata_json", isJson(t.metadata)),
    check("organization_members_level_enum", isOneOf(t.membershipLevel, MEMBERSHIP_LEVELS)),
  ],
);

/** A row as it is read, and as it is inserted. */
export const selectOrganizationMemberSchema = createSelectSchema(organizationMembers, commonRefinements);
export const insertOrganizationMemberSchema = createInsertSchema(organizationMembers, commonRefinements);
