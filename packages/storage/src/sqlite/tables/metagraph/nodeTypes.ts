// Node types: the kinds of node a graph type knows, each with a schema for its attributes.
import { check, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { createInsertSchema, createSelectSchema } from "../../utils/schema.ts";
import { commonCols, commonRefinements, isJson, MetadataSchema } from "../common.ts";
import { graphTypes } from "./graphTypes.ts";

/** Node types of a tenant file; `schema` is a TypeBox (JSON Schema) object. */
export const nodeTypes = sqliteTable(
  "node_types",
  {
    ...commonCols,
    graphTypeId: text("graph_type_id")
      .notNull()
      .references(() => graphTypes.id, { onDelete: "cascade" }),
    name: text("name").notNull(),
    description: text("description").default(""),
    schema: text("schema", { mode: "json" }).$type<Record<string, unknown>>().notNull(),
  },
  (t) => [
    uniqueIndex("unq_node_types_graph_type_name").on(t.graphTypeId, t.name),
    check("node_types_metadata_json", isJson(t.metadata)),
    check("node_types_schema_json", isJson(t.schema)),
  ],
);

/** A row as it is read, and as it is inserted. */
export const selectNodeTypeSchema = createSelectSchema(nodeTypes, { ...commonRefinements, schema: MetadataSchema });
export const insertNodeTypeSchema = createInsertSchema(nodeTypes, { ...commonRefinements, schema: MetadataSchema });
