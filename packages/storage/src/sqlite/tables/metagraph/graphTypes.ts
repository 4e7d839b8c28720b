// Graph types: the named shapes a graph can have, versioned and scoped.

import { type Static, Type } from "@sinclair/typebox";
import { check, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { createInsertSchema, createSelectSchema } from "../../utils/schema.ts";
import { commonCols, commonRefinements, isJson, isOneOf } from "../common.ts";

/** Who may create and change a type: the product (`system`), the organization (`tenant`) or a person (`user`). */
export const GRAPH_TYPE_SCOPES = ["system", "tenant", "user"] as const;

/**
 * How graphs of a type are shaped; the words are graphology's. `multi`: several edges between two nodes.
 * The column takes any JSON: who writes graphs checks against this.
 */
export const GraphConfigSchema = Type.Object(
  {
    type: Type.Union([Type.Literal("directed"), Type.Literal("undirected"), Type.Literal("mixed")]),
    multi: Type.Optional(Type.Boolean({ default: false })),
    allowSelfLoops: Type.Optional(Type.Boolean({ default: true })),
  },
  { additionalProperties: true },
);
export type GraphConfig = Static<typeof GraphConfigSchema>;

/** Graph types of a tenant file. `version` counts breaking changes of its schemas. */
export const graphTypes = sqliteTable(
  "graph_types",
  {
    ...commonCols,
    name: text("name").notNull(),
    description: text("description").default(""),
    config: text("config", { mode: "json" }).$type<GraphConfig>().notNull(),
    version: integer("version").notNull().default(1),
    scope: text("scope", { enum: GRAPH_TYPE_SCOPES }).notNull().default("system"),
  },
  (t) => [
    uniqueIndex("unq_graph_types_name").on(t.name),
    check("graph_types_metadata_json", isJson(t.metadata)),
    check("graph_types_config_json", isJson(t.config)),
    check("graph_types_scope_enum", isOneOf(t.scope, GRAPH_TYPE_SCOPES)),
  ],
);

/** A row as it is read, and as it is inserted. */
export const selectGraphTypeSchema = createSelectSchema(graphTypes, commonRefinements);
export const insertGraphTypeSchema = createInsertSchema(graphTypes, commonRefinements);
