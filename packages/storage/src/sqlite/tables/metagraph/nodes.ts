// Nodes: keyed by the consumer within their graph; the node type stands in `metadata` under `_graph.type`.
import { sql } from "drizzle-orm";
import { check, index, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { createInsertSchema, createSelectSchema } from "../../utils/schema.ts";
import { commonCols, commonRefinements, isJson, MetadataSchema } from "../common.ts";
import { graphs } from "./graphs.ts";

/** Nodes of a tenant file. */
export const nodes = sqliteTable(
  "nodes",
  {
    ...commonCols,
    graphId: text("graph_id")
      .notNull()
      .references(() => graphs.id, { onDelete: "cascade" }),
    key: text("key").notNull(),
    attributes: text("attributes", { mode: "json" }).$type<Record<string, unknown>>().notNull().default({}),
  },
  (t) => [
    uniqueIndex("unq_nodes_graph_key").on(t.graphId, t.key),
    index("idx_nodes_graph_type").on(t.graphId, sql`json_extract(metadata, '$."_graph.type"')`),
    check("nodes_metadata_json", isJson(t.metadata)),
    check("nodes_attributes_json", isJson(t.attributes)),
  ],
);

/** A row as it is read, and as it is inserted. */
export const selectNodeSchema = createSelectSchema(nodes, { ...commonRefinements, attributes: MetadataSchema });
export const insertNodeSchema = createInsertSchema(nodes, { ...commonRefinements, attributes: MetadataSchema });
