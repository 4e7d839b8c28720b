// The Drizzle schemas of both kinds of file: tables with their relations.
import {
  accountsRelations,
  apiKeysRelations,
  auditLogsRelations,
  edgesRelations,
  edgeTypesRelations,
  graphsRelations,
  graphTypesRelations,
  nodesRelations,
  nodeTypesRelations,
  organizationMembersRelations,
  organizationsRelations,
  peerCredentialsRelations,
  projectSecretsRelations,
  projectsRelations,
} from "./relations.ts";
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

/** Everything in system.db: pass it to `drizzle`, or extend it with tables of your own. */
export const systemSchema = {
  accounts,
  organizations,
  organizationMembers,
  apiKeys,
  peerCredentials,
  auditLogs,
  projects,
  projectSecrets,
  accountsRelations,
  organizationsRelations,
  organizationMembersRelations,
  apiKeysRelations,
  peerCredentialsRelations,
  auditLogsRelations,
  projectsRelations,
  projectSecretsRelations,
};

/** Everything in a tenant file. */
export const tenantSchema = {
  graphTypes,
  nodeTypes,
  edgeTypes,
  graphs,
  nodes,
  edges,
  graphTypesRelations,
  nodeTypesRelations,
  edgeTypesRelations,
  graphsRelations,
  nodesRelations,
  edgesRelations,
};
