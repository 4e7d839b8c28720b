// The public surface of `@cuitty/storage/sqlite`: files, factories, tables, schemas, events.
export type { Notification, Notifier } from "../engine/notifications.ts";
export { type ClientTransaction, type ObjectRow, type OpenOptions, open, type StorageClient } from "../engine/open.ts";
export type { WatchListener } from "../engine/watcher.ts";
export type { FileKind } from "../migrate/ledger.ts";
export { type ApplyMigrationsOptions, type ApplyMigrationsResult, applyMigrations } from "../migrate/migrate.ts";
export { systemMigrations } from "../migrate/system-migrations.ts";
export { tenantMigrations } from "../migrate/tenant-migrations.ts";
export { HonkerDatabase } from "./adapter/database.ts";
export type { RunResult } from "./adapter/run-result.ts";
export type { ClientSource } from "./adapter/source.ts";
export {
  createSystemDatabase,
  createTenantDatabase,
  type DatabaseOptions,
  type SystemDatabase,
  type SystemSchema,
  type TenantDatabase,
  type TenantSchema,
} from "./client.ts";
export {
  type EventMap,
  type EventSerializer,
  type HonkerEvent,
  type HonkerEventListener,
  HonkerEventTarget,
  type HonkerEventTargetOptions,
  type HonkerListenerOptions,
} from "./event-target.ts";
export { type CredentialState, type CredentialStatus, credentialStatus, isUsable } from "./is-usable.ts";
export {
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
  GraphConfigSchema,
  graphs,
  graphTypes,
  insertAccountSchema,
  insertApiKeySchema,
  insertAuditLogSchema,
  insertEdgeSchema,
  insertEdgeTypeSchema,
  insertGraphSchema,
  insertGraphTypeSchema,
  insertNodeSchema,
  insertNodeTypeSchema,
  insertOrganizationMemberSchema,
  insertOrganizationSchema,
  insertPeerCredentialSchema,
  insertProjectSchema,
  insertProjectSecretSchema,
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
  selectAccountSchema,
  selectApiKeySchema,
  selectAuditLogSchema,
  selectEdgeSchema,
  selectEdgeTypeSchema,
  selectGraphSchema,
  selectGraphTypeSchema,
  selectNodeSchema,
  selectNodeTypeSchema,
  selectOrganizationMemberSchema,
  selectOrganizationSchema,
  selectPeerCredentialSchema,
  selectProjectSchema,
  selectProjectSecretSchema,
} from "./tables/index.ts";
export { createTenantPool, type TenantPool, type TenantPoolOptions } from "./tenant-pool.ts";
export { createRowCodec, type RowCodec } from "./utils/codec.ts";
export { json } from "./utils/json.ts";
export {
  createInsertSchema,
  createInsertWireSchema,
  createSelectSchema,
  createSelectWireSchema,
  createUpdateSchema,
  createUpdateWireSchema,
} from "./utils/schema.ts";
export type { InsertRow, Refinements, RowSchema, SelectRow, UpdateRow, Wire, WireRow } from "./utils/types.ts";
export { uuidV7 } from "./uuid.ts";
