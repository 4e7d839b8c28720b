// Public surface of the kit.

export { CuittyError, isCuittyError } from "@cuitty/wire-protocol";
export type { CallInput, KitApi, KitOperation } from "./api.ts";
export type { Actor } from "./auth/audit-trail.ts";
export type { Authenticate, Authenticated, Credential } from "./auth/authenticate.ts";
export { type Action, type AuthorizeOptions, type Authorizer, type Decision, type Resource, scopes } from "./auth/authorize.ts";
export type { BootstrapOptions, Bootstrapped } from "./auth/bootstrap.ts";
export type { KeyDirectory, ProjectLimits, SecretDirectory, SignaturePolicy, SigningPolicy } from "./auth/directory.ts";
export { KEY_PATTERN, type KeyKind, makeKey } from "./auth/key-format.ts";
export type { KeyRecord } from "./auth/key-records.ts";
export type { IssuedKey, KeyStore, NewKey } from "./auth/key-store.ts";
export { type Identity, type IdentityOptions, openIdentity } from "./auth/open-identity.ts";
export type { IssuedSecret } from "./auth/project-secrets.ts";
export type { NewProject, ProjectChange, ProjectPage, ProjectRecord, ProjectStore } from "./auth/project-store.ts";
export { type StaticKey, type StaticSecret, staticKeys, staticSecrets } from "./auth/static-directory.ts";
export { type Bus, type BusHint, createProcessBus, KEYS_TOPIC, streamTopic } from "./bus.ts";
export { type Clock, type RandomBytes, systemClock, systemRandom } from "./clock.ts";
export type { KitCounters } from "./counters.ts";
export { createServerKit } from "./create-server-kit.ts";
export { type AuthenticateOptions, authenticate } from "./ingest/authenticate.ts";
export { type AuthorizeIngestOptions, authorizeIngest, authorizeTypes, type OrganizationOf } from "./ingest/authorize.ts";
export { type ContextMaker, type ContextPorts, createContextMaker, type OwnedContext } from "./ingest/context.ts";
export { type DecodeBodyOptions, decodeBody } from "./ingest/decode-body.ts";
export type { BodySource, Exchange, ReadLimits } from "./ingest/exchange.ts";
export { type FetchEnvironment, fetchExchange } from "./ingest/fetch-exchange.ts";
export { type IdempotencyOptions, idempotency } from "./ingest/idempotency.ts";
export { type InboxFiles, type LimitsOf, limitBatches, limitEvents } from "./ingest/limit.ts";
export { createPipeline, type NamedStage, type Pipeline, type PipelineOptions, type StageList } from "./ingest/pipeline.ts";
export { type ReadBodyOptions, readBody } from "./ingest/read-body.ts";
export { respond } from "./ingest/respond.ts";
export { type ShedOptions, shed } from "./ingest/shed.ts";
export {
  type BatchResult,
  type CheckedBatch,
  type IdempotencyState,
  type RejectedEvent,
  STAGE_NAMES,
  type Stage,
  type StageContext,
  type StageName,
  type StageResult,
  type TraceContext,
} from "./ingest/stage.ts";
export { type ValidateOptions, validate } from "./ingest/validate.ts";
export { verifySignature } from "./ingest/verify-signature.ts";
export { type WriteOptions, write } from "./ingest/write.ts";
export type { BackupReport, KitStats, ServerKit } from "./kit.ts";
export {
  createMemoryRateStore,
  type MemoryRateStoreOptions,
  type RateOutcome,
  type RatePolicy,
  type RateStore,
} from "./limits/rate-store.ts";
export {
  type CuittyModule,
  type Delivery,
  defineModule,
  type IngestContext,
  type IngestPlan,
  type ModuleJob,
  type OutboxMessage,
  type RetentionRule,
  type StreamRow,
  type StreamSource,
  type ValidEvent,
} from "./module.ts";
export { type ModuleRegistry, type ModuleTypes, type OpenModule, type OpenModulesOptions, openModules } from "./modules.ts";
export type { KitFault, KitOptions } from "./options.ts";
export { defineRoute, type Route, type RouteContext, type Subject } from "./route.ts";
export type { MountedRoute, ResourceRequest } from "./router.ts";
export { restoreKit } from "./runners/backup.ts";
export { type KitTasks, type ModuleTasksOptions, runModuleTasks } from "./runners/kit-tasks.ts";
export { type NewMessage, outboxRows } from "./runners/outbox.ts";
export type { StreamLimits } from "./sse/options.ts";
export type { Span, Tracer } from "./tracer.ts";
