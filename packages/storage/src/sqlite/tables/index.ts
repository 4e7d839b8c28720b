// All tables of both kinds of file.
export { commonCols, type Metadata } from "./common.ts";
export {
  ACCESS_LEVELS,
  ACCOUNT_STATUSES,
  type AuditAction,
  accounts,
  apiKeys,
  auditLogs,
  MEMBERSHIP_LEVELS,
  organizationMembers,
  organizations,
  type ProjectLimits,
  peerCredentials,
  projectSecrets,
  projects,
  SIGNATURE_POLICIES,
} from "./identity/index.ts";
export {
  edges,
  edgeTypes,
  GRAPH_STATUSES,
  GRAPH_TYPE_SCOPES,
  type GraphConfig,
  graphs,
  graphTypes,
  nodes,
  nodeTypes,
} from "./metagraph/index.ts";
