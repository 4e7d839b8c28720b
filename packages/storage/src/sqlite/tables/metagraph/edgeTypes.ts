// Edge types: the kinds of edge a graph type knows, with a schema and the node types allowed at both ends.

import { Type } from "@sinclair/typebox";
import { check, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { createInsertSchema, createSelectSchema } from "../../utils/schema.ts";
import { commonCols, commonRefinements, isJson, MetadataSchema } from "../common.ts";
import { graphTypes } from "./graphTypes.ts";

/** Edge types of a tenant file. An empty list of allowed types means: any. */
export const edgeTypes = sqliteTable(
  "edge_types",
  {
    ...commonCols,
    graphTypeId: text("graph_type_id")
      .notNull()
      .references(() => graphTypes.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    description: text("description").default(""),
    schema: text("schema", { mode: "json" }).$type<Record<string, unknown>>().notNull(),
    allowedSourceTypes: text("allowed_source_types", { mode: "json" }).$type<string[]>().default([]),
    allowedTargetTypes: text("allowed_target_types", { mode: "json" }).$type<string[]>().default([]),
  },
  (t) => [
    uniqueIndex("unq_edge_types_graph_type_name").on(t.graphTypeId, t.name),
    check("edge_types_metadata_json", isJson(t.metadata)),
    check("edge_types_schema_json", isJson(t.schema)),
    check("edge_types_source_types_json", isJson(t.allowedSourceTypes)),
    check("edge_types_target_types_json", isJson(t.allowedTargetTypes)),
  ],
);

const names = Type.Array(Type.String());
const typeRefinements = { ...commonRefinements, schema: MetadataSchema, allowedSourceTypes: names, allowedTargetTypes: names };

/** A row as it is read, and as it is inserted. */
export const selectEdgeTypeSchema = createSelectSchema(edgeTypes, typeRefinements);
export const insertEdgeTypeSchema = createInsertSchema(edgeTypes, typeRefinements);
