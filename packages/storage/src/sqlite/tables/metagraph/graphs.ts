// Graphs: instances of a graph type inside one tenant file.
import { check, index, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { createInsertSchema, createSelectSchema } from "../../utils/schema.ts";
import { commonCols, commonRefinements, isJson, isOneOf } from "../common.ts";
import { graphTypes } from "./graphTypes.ts";

export const GRAPH_STATUSES = ["active", "archived", "draft"] as const;

/** Graphs of a tenant file. `ownerId` and `projectId` point into system.db: another file, so no foreign key. There is no org id: the file is the organization. */
export const graphs = sqliteTable(
  "graphs",
  {
    ...commonCols,
    graphTypeId: text("graph_type_id").references(() => graphTypes.id, { onDelete: "set null" }),
    name: text("name").notNull(),
    description: text("description").default(""),
    status: text("status", { enum: GRAPH_STATUSES }).notNull().default("draft"),
    ownerId: text("owner_id"),
    projectId: text("project_id"),
  },
  (t) => [
    index("idx_graphs_owner_id").on(t.ownerId),
    index("idx_graphs_project_id").on(t.projectId),
    index("idx_graphs_owner_id_project_id").on(t.ownerId, t.projectId),
    // Without it, deleting a graph type reads every graph.
    index("idx_graphs_graph_type_id").on(t.graphTypeId),
    check("graphs_metadata_json", isJson(t.metadata)),
    check("graphs_status_enum", isOneOf(t.status, GRAPH_STATUSES)),
  ],
);

/** A row as it is read, and as it is inserted. */
export const selectGraphSchema = createSelectSchema(graphs, commonRefinements);
export const insertGraphSchema = createInsertSchema(graphs, commonRefinements);
