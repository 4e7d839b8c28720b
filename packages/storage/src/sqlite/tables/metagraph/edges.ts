// Edges: from node key to node key within one graph; the edge type stands in `metadata` under `_graph.type`.
import { sql } from "drizzle-orm";
import { check, foreignKey, index, integer, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import { createInsertSchema, createSelectSchema } from "../../utils/schema.ts";
import { commonCols, commonRefinements, isJson, isOneOf, MetadataSchema } from "../common.ts";
import { graphs } from "./graphs.ts";
import { nodes } from "./nodes.ts";

/** Edges of a tenant file. They go with their nodes when those are deleted, and follow them when those are renamed. */
export const edges = sqliteTable(
  "edges",
  {
    ...commonCols,
    graphId: text("graph_id")
      .notNull()
      .references(() => graphs.id, { onDelete: "cascade" }),
    /** Null for an anonymous edge. */
    key: text("key"),
    sourceNodeKey: text("source_node_key").notNull(),
    targetNodeKey: text("target_node_key").notNull(),
    attributes: text("attributes", { mode: "json" }).$type<Record<string, unknown>>().notNull().default({}),
    /** Read this edge both ways, whatever the graph type says. */
    undirected: integer("undirected", { mode: "boolean" }).default(false),
  },
  (t) => [
    uniqueIndex("unq_edges_graph_key").on(t.graphId, t.key),
    // Both endpoints: without them one deleted node costs a scan of all edges (42 ms at 80,000), and so does each step of a walk.
    index("idx_edges_source").on(t.graphId, t.sourceNodeKey, t.targetNodeKey),
    index("idx_edges_target").on(t.graphId, t.targetNodeKey, t.sourceNodeKey),
    index("idx_edges_graph_type").on(t.graphId, sql`json_extract(metadata, '$."_graph.type"')`),
    foreignKey({ name: "edges_source_fk", columns: [t.graphId, t.sourceNodeKey], foreignColumns: [nodes.graphId, nodes.key] })
      .onDelete("cascade")
      .onUpdate("cascade"),
    foreignKey({ name: "edges_target_fk", columns: [t.graphId, t.targetNodeKey], foreignColumns: [nodes.graphId, nodes.key] })
      .onDelete("cascade")
      .onUpdate("cascade"),
    check("edges_metadata_json", isJson(t.metadata)),
    check("edges_attributes_json", isJson(t.attributes)),
    check("edges_undirected_bool", isOneOf(t.undirected, [0, 1])),
  ],
);

/** A row as it is read, and as it is inserted. */
export const selectEdgeSchema = createSelectSchema(edges, { ...commonRefinements, attributes: MetadataSchema });
export const insertEdgeSchema = createInsertSchema(edges, { ...commonRefinements, attributes: MetadataSchema });
