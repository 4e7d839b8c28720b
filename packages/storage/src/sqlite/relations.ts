// Drizzle relations of both kinds of file, for `db.query.*`.
import { relations } from "./adapter/drizzle-internals.ts";
import {
  accounts,
  apiKeys,
  auditLogs,
  organizationMembers,
  organizations,
  peerCredentials,
  projectSecrets,
  projects,
} from "./tables/identity/index.ts";
import { edges, edgeTypes, graphs, graphTypes, nodes, nodeTypes } from "./tables/metagraph/index.ts";

export const accountsRelations = relations(accounts, ({ many }) => ({
  organizations: many(organizations),
  memberships: many(organizationMembers),
  apiKeys: many(apiKeys),
  peerCredentials: many(peerCredentials),
  auditLogs: many(auditLogs),
}));

export const organizationsRelations = relations(organizations, ({ one, many }) => ({
  owner: one(accounts, { fields: [organizations.ownerId], references: [accounts.id] }),
  members: many(organizationMembers),
  projects: many(projects),
  auditLogs: many(auditLogs),
}));

export const organizationMembersRelations = relations(organizationMembers, ({ one }) => ({
  organization: one(organizations, { fields: [organizationMembers.orgId], references: [organizations.id] }),
  account: one(accounts, { fields: [organizationMembers.accountId], references: [accounts.id] }),
}));

export const apiKeysRelations = relations(apiKeys, ({ one }) => ({
  owner: one(accounts, { fields: [apiKeys.ownerId], references: [accounts.id] }),
  rotatedTo: one(apiKeys, { fields: [apiKeys.rotatedToId], references: [apiKeys.id] }),
}));

export const peerCredentialsRelations = relations(peerCredentials, ({ one }) => ({
  owner: one(accounts, { fields: [peerCredentials.ownerId], references: [accounts.id] }),
}));

export const auditLogsRelations = relations(auditLogs, ({ one }) => ({
  owner: one(accounts, { fields: [auditLogs.ownerId], references: [accounts.id] }),
  organization: one(organizations, { fields: [auditLogs.orgId], references: [organizations.id] }),
}));

export const projectsRelations = relations(projects, ({ one, many }) => ({
  organization: one(organizations, { fields: [projects.orgId], references: [organizations.id] }),
  secrets: many(projectSecrets),
}));

export const projectSecretsRelations = relations(projectSecrets, ({ one }) => ({
  project: one(projects, { fields: [projectSecrets.projectId], references: [projects.id] }),
}));

export const graphTypesRelations = relations(graphTypes, ({ many }) => ({
  nodeTypes: many(nodeTypes),
  edgeTypes: many(edgeTypes),
  graphs: many(graphs),
}));

export const nodeTypesRelations = relations(nodeTypes, ({ one }) => ({
  graphType: one(graphTypes, { fields: [nodeTypes.graphTypeId], references: [graphTypes.id] }),
}));

export const edgeTypesRelations = relations(edgeTypes, ({ one }) => ({
  graphType: one(graphTypes, { fields: [edgeTypes.graphTypeId], references: [graphTypes.id] }),
}));

export const graphsRelations = relations(graphs, ({ one, many }) => ({
  graphType: one(graphTypes, { fields: [graphs.graphTypeId], references: [graphTypes.id] }),
  nodes: many(nodes),
  edges: many(edges),
}));

export const nodesRelations = relations(nodes, ({ one, many }) => ({
  graph: one(graphs, { fields: [nodes.graphId], references: [graphs.id] }),
  outgoingEdges: many(edges, { relationName: "sourceNode" }),
  incomingEdges: many(edges, { relationName: "targetNode" }),
}));

export const edgesRelations = relations(edges, ({ one }) => ({
  graph: one(graphs, { fields: [edges.graphId], references: [graphs.id] }),
  sourceNode: one(nodes, {
    fields: [edges.graphId, edges.sourceNodeKey],
    references: [nodes.graphId, nodes.key],
    relationName: "sourceNode",
  }),
  targetNode: one(nodes, {
    fields: [edges.graphId, edges.targetNodeKey],
    references: [nodes.graphId, nodes.key],
    relationName: "targetNode",
  }),
}));
