// The tables of system.db.
export { ACCESS_LEVELS, ACCOUNT_STATUSES, accounts, insertAccountSchema, selectAccountSchema } from "./accounts.ts";
export { apiKeys, insertApiKeySchema, selectApiKeySchema } from "./api_keys.ts";
export { type AuditAction, auditLogs, insertAuditLogSchema, selectAuditLogSchema } from "./audit_logs.ts";
export {
  insertOrganizationMemberSchema,
  MEMBERSHIP_LEVELS,
  organizationMembers,
  selectOrganizationMemberSchema,
} from "./organization_members.ts";
export { insertOrganizationSchema, organizations, selectOrganizationSchema } from "./organizations.ts";
export { insertPeerCredentialSchema, peerCredentials, selectPeerCredentialSchema } from "./peer_credentials.ts";
export { insertProjectSecretSchema, projectSecrets, selectProjectSecretSchema } from "./project_secrets.ts";
export { insertProjectSchema, type ProjectLimits, projects, SIGNATURE_POLICIES, selectProjectSchema } from "./projects.ts";
