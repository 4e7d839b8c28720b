// Organizations: the tenants; each has one administrative owner.
import { check, index, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { createInsertSchema, createSelectSchema } from "../../utils/schema.ts";
import { commonCols, commonRefinements, isJson } from "../common.ts";
import { accounts } from "./accounts.ts";

/** Organizations of system.db. `ownerId` must also be a member with level `owner`; the writer keeps that true. */
export const organizations = sqliteTable(
  "organizations",
  {
    ...commonCols,
    name: text("name").notNull(),
    slug: text("slug").notNull(),
    ownerId: text("owner_id")
      .notNull()
      .references(() => accounts.id, { onDelete: "restrict" }),
  },
  (t) => [
    uniqueIndex("unq_organizations_name").on(t.name),
    uniqueIndex("unq_organizations_slug").on(t.slug),
    index("idx_organizations_owner_id").on(t.ownerId),
    check("organizations_metadata_json", isJson(t.metadata)),
  ],
);

/** A row as it is read, and as it is inserted. */
export const selectOrganizationSchema = createSelectSchema(organizations, commonRefinements);
export const insertOrganizationSchema = createInsertSchema(organizations, commonRefinements);
