// Projects: what an API key sends for; signature policy and limits are decided here.

import { type Static, Type } from "@sinclair/typebox";
import { check, index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { json } from "../../utils/json.ts";
import { createInsertSchema, createSelectSchema } from "../../utils/schema.ts";
import { commonCols, commonRefinements, isJson, isOneOf } from "../common.ts";
import { organizations } from "./organizations.ts";

/** Whether ingest needs a signature: `required`, `optional` (demo, quickstart) or `extended` (also covers time and idempotency key). */
export const SIGNATURE_POLICIES = ["required", "optional", "extended"] as const;

/** Limits that replace the defaults for one project; what is missing stays at its default. */
export const ProjectLimitsSchema = Type.Object(
  {
    eventsPerSecond: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
    batchesPerSecond: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
    batchBytes: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  { additionalProperties: false },
);
export type ProjectLimits = Static<typeof ProjectLimitsSchema>;

/**
 * Projects of system.db; deleted softly (`deletedAt`).
 * An organization with projects cannot be deleted: their events live in other files, which no cascade could reach.
 */
export const projects = sqliteTable(
  "projects",
  {
    ...commonCols,
    orgId: text("org_id")
      .notNull()
      .references(() => organizations.id, { onDelete: "restrict" }),
    name: text("name").notNull(),
    slug: text("slug").notNull(),
    deletedAt: integer("deleted_at", { mode: "timestamp" }),
    signaturePolicy: text("signature_policy", { enum: SIGNATURE_POLICIES }).notNull().default("required"),
    /** Null: the defaults. */
    limits: json("limits", ProjectLimitsSchema),
  },
  (t) => [
    uniqueIndex("unq_projects_org_slug").on(t.orgId, t.slug),
    index("idx_projects_deleted_at").on(t.deletedAt),
    check("projects_metadata_json", isJson(t.metadata)),
    check("projects_limits_json", isJson(t.limits)),
    check("projects_signature_policy_enum", isOneOf(t.signaturePolicy, SIGNATURE_POLICIES)),
  ],
);

/** A row as it is read, and as it is inserted. */
export const selectProjectSchema = createSelectSchema(projects, commonRefinements);
export const insertProjectSchema = createInsertSchema(projects, commonRefinements);
