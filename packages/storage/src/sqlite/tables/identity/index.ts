// The tables of system.db.
export { ACCESS_LEVELS, ACCOUNT_STATUSES, accounts } from "./accounts.ts";
export { apiKeys } from "./api_keys.ts";
export { type AuditAction, auditLogs } from "./audit_logs.ts";
export { MEMBERSHIP_LEVELS, organizationMembers } from "./organization_members.ts";
export { organizations } from "./organizations.ts";
export { peerCredentials } from "./peer_credentials.ts";
export { projectSecrets } from "./project_secrets.ts";
export { type ProjectLimits, projects, SIGNATURE_POLICIES } from "./projects.ts";
