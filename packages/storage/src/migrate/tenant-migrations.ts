// The migrations of a tenant file. A released one never changes: add the next.
import type { Migration } from "../module-file/types.ts";

const COMMON = `"id" TEXT PRIMARY KEY NOT NULL,
  "metadata" TEXT DEFAULT '{}',
  "created_at" INTEGER DEFAULT (strftime('%s', 'now')) NOT NULL,
  "updated_at" INTEGER DEFAULT (strftime('%s', 'now')) NOT NULL`;

const metagraph: Migration = {
  version: 1,
  name: "metagraph",
  statements: [
    `CREATE TABLE "graph_types" (
  ${COMMON},
  "name" TEXT NOT NULL,
  "description" TEXT DEFAULT '',
  "config" TEXT NOT NULL,
  "version" INTEGER DEFAULT 1 NOT NULL,
  "scope" TEXT DEFAULT 'system' NOT NULL,
  CONSTRAINT "graph_types_metadata_json" CHECK ("metadata" is null or json_valid("metadata")),
  CONSTRAINT "graph_types_config_json" CHECK (json_valid("config")),
  CONSTRAINT "graph_types_scope_enum" CHECK ("scope" in ('system', 'tenant', 'user'))
) STRICT`,
    `CREATE UNIQUE INDEX "unq_graph_types_name" ON "graph_types" ("name")`,

    `CREATE TABLE "node_types" (
  ${COMMON},
  "graph_type_id" TEXT NOT NULL REFERENCES "graph_types" ("id") ON DELETE CASCADE,
  "name" TEXT NOT NULL,
  "description" TEXT DEFAULT '',
  "schema" TEXT NOT NULL,
  CONSTRAINT "node_types_metadata_json" CHECK ("metadata" is null or json_valid("metadata")),
  CONSTRAINT "node_types_schema_json" CHECK (json_valid("schema"))
) STRICT`,
    `CREATE UNIQUE INDEX "unq_node_types_graph_type_name" ON "node_types" ("graph_type_id", "name")`,

    `CREATE TABLE "edge_types" (
  ${COMMON},
  "graph_type_id" TEXT NOT NULL REFERENCES "graph_types" ("id") ON DELETE CASCADE,
  "name" TEXT NOT NULL,
  "description" TEXT DEFAULT '',
  "schema" TEXT NOT NULL,
  "allowed_source_types" TEXT DEFAULT '[]',
  "allowed_target_types" TEXT DEFAULT '[]',
  CONSTRAINT "edge_types_metadata_json" CHECK ("metadata" is null or json_valid("metadata")),
  CONSTRAINT "edge_types_schema_json" CHECK (json_valid("schema")),
  CONSTRAINT "edge_types_source_types_json" CHECK ("allowed_source_types" is null or json_valid("allowed_source_types")),
  CONSTRAINT "edge_types_target_types_json" CHECK ("allowed_target_types" is null or json_valid("allowed_target_types"))
) STRICT`,
    `CREATE UNIQUE INDEX "unq_edge_types_graph_type_name" ON "edge_types" ("graph_type_id", "name")`,

    `CREATE TABLE "graphs" (
  ${COMMON},
  "graph_type_id" TEXT REFERENCES "graph_types" ("id") ON DELETE SET NULL,
  "name" TEXT NOT NULL,
  "description" TEXT DEFAULT '',
  "status" TEXT DEFAULT 'draft' NOT NULL,
  "owner_id" TEXT,
  "project_id" TEXT,
  CONSTRAINT "graphs_metadata_json" CHECK ("metadata" is null or json_valid("metadata")),
  CONSTRAINT "graphs_status_enum" CHECK ("status" in ('active', 'archived', 'draft'))
) STRICT`,
    `CREATE INDEX "idx_graphs_owner_id" ON "graphs" ("owner_id")`,
    `CREATE INDEX "idx_graphs_project_id" ON "graphs" ("project_id")`,
    `CREATE INDEX "idx_graphs_owner_id_project_id" ON "graphs" ("owner_id", "project_id")`,
    `CREATE INDEX "idx_graphs_graph_type_id" ON "graphs" ("graph_type_id")`,

    `CREATE TABLE "nodes" (
  ${COMMON},
  "graph_id" TEXT NOT NULL REFERENCES "graphs" ("id") ON DELETE CASCADE,
  "key" TEXT NOT NULL,
  "attributes" TEXT DEFAULT '{}' NOT NULL,
  CONSTRAINT "nodes_metadata_json" CHECK ("metadata" is null or json_valid("metadata")),
  CONSTRAINT "nodes_attributes_json" CHECK (json_valid("attributes"))
) STRICT`,
    `CREATE UNIQUE INDEX "unq_nodes_graph_key" ON "nodes" ("graph_id", "key")`,
    `CREATE INDEX "idx_nodes_graph_type" ON "nodes" ("graph_id", json_extract(metadata, '$."_graph.type"'))`,

    `CREATE TABLE "edges" (
  ${COMMON},
  "graph_id" TEXT NOT NULL REFERENCES "graphs" ("id") ON DELETE CASCADE,
  "key" TEXT,
  "source_node_key" TEXT NOT NULL,
  "target_node_key" TEXT NOT NULL,
  "attributes" TEXT DEFAULT '{}' NOT NULL,
  "undirected" INTEGER DEFAULT 0,
  CONSTRAINT "edges_source_fk" FOREIGN KEY ("graph_id", "source_node_key") REFERENCES "nodes" ("graph_id", "key") ON UPDATE CASCADE ON DELETE CASCADE,
  CONSTRAINT "edges_target_fk" FOREIGN KEY ("graph_id", "target_node_key") REFERENCES "nodes" ("graph_id", "key") ON UPDATE CASCADE ON DELETE CASCADE,
  CONSTRAINT "edges_metadata_json" CHECK ("metadata" is null or json_valid("metadata")),
  CONSTRAINT "edges_attributes_json" CHECK (json_valid("attributes")),
  CONSTRAINT "edges_undirected_bool" CHECK ("undirected" in (0, 1))
) STRICT`,
    `CREATE UNIQUE INDEX "unq_edges_graph_key" ON "edges" ("graph_id", "key")`,
    `CREATE INDEX "idx_edges_source" ON "edges" ("graph_id", "source_node_key", "target_node_key")`,
    `CREATE INDEX "idx_edges_target" ON "edges" ("graph_id", "target_node_key", "source_node_key")`,
    `CREATE INDEX "idx_edges_graph_type" ON "edges" ("graph_id", json_extract(metadata, '$."_graph.type"'))`,
  ],
};

/** In order; `applyMigrations(driver, { kind: "tenant", migrations: tenantMigrations })`. */
export const tenantMigrations: readonly Migration[] = [metagraph];
