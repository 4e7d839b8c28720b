// The public surface of `@cuitty/storage/sqlite`: factories, tables, relations.
export { type ApplyMigrationsOptions, type ApplyMigrationsResult, applyMigrations } from "../migrate/migrate.ts";
export {
  createSystemDatabase,
  createTenantDatabase,
  type DatabaseOptions,
  type SystemDatabase,
  type SystemSchema,
  type TenantDatabase,
  type TenantSchema,
} from "./client.ts";
export { systemSchema, tenantSchema } from "./schema.ts";
export {
  ACCESS_LEVELS,
  ACCOUNT_STATUSES,
  type AuditAction,
  accounts,
  apiKeys,
  auditLogs,
  commonCols,
  edges,
  edgeTypes,
  GRAPH_STATUSES,
  GRAPH_TYPE_SCOPES,
  type GraphConfig,
  graphs,
  graphTypes,
  MEMBERSHIP_LEVELS,
  type Metadata,
  nodes,
  nodeTypes,
  organizationMembers,
  organizations,
  type ProjectLimits,
  peerCredentials,
  projectSecrets,
  projects,
  SIGNATURE_POLICIES,
} from "./tables/index.ts";
