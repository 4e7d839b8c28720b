// The stages of POST /api/ingest, composed for a kit.
import type { Authorizer } from "./auth/authorize.ts";
import type { Identity } from "./auth/open-identity.ts";
import type { Bus } from "./bus.ts";
import { resolveLimits } from "./check-options.ts";
import type { Clock, RandomBytes } from "./clock.ts";
import type { Counters } from "./counters.ts";
import type { Faults } from "./faults.ts";
import type { DiskGuard } from "./health.ts";
import { authenticate } from "./ingest/authenticate.ts";
import { authorizeIngest, authorizeTypes } from "./ingest/authorize.ts";
import { decodeBody } from "./ingest/decode-body.ts";
import { idempotency } from "./ingest/idempotency.ts";
import { limitBatches, limitEvents } from "./ingest/limit.ts";
import { createPipeline, type NamedStage, type Pipeline } from "./ingest/pipeline.ts";
import { readBody } from "./ingest/read-body.ts";
import { respond } from "./ingest/respond.ts";
import { shed } from "./ingest/shed.ts";
import type { StageContext, StageName } from "./ingest/stage.ts";
import { validate } from "./ingest/validate.ts";
import { verifySignature } from "./ingest/verify-signature.ts";
import { write } from "./ingest/write.ts";
import { createMemoryRateStore } from "./limits/rate-store.ts";
import type { ModuleRegistry } from "./modules.ts";
import type { KitFault, KitOptions } from "./options.ts";

/** What the parts of a kit share. */
export interface KitPorts {
  readonly options: KitOptions;
  readonly identity: Identity;
  readonly modules: ModuleRegistry;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly authorizer: Authorizer;
  readonly counters: Counters;
  readonly disk: DiskGuard;
  readonly isClosing: () => boolean;
  readonly onFault: (fault: KitFault) => void;
  readonly faults: Faults;
}

export function createKitPipeline(ports: KitPorts): Pipeline {
  const { options, identity, modules, clock, random, authorizer, bus, disk, isClosing } = ports;
  const defaults = resolveLimits(options);
  const store = options.rateStore ?? createMemoryRateStore({ clock });
  const limitsOf = (projectId: string) => ({ ...defaults, ...identity.projects.limitsOf(projectId) });
  const organizationOf = (projectId: string) => identity.projects.get(projectId)?.organizationId ?? null;
  const maxBytes = (context: StageContext) => (context.projectId === null ? defaults.batchBytes : limitsOf(context.projectId).batchBytes);
  // A stage of the app, wherever it stands, may want the events when the reply is known.
  const hasBuiltInStagesOnly = () => pipeline.names.length === stages.length;
  const decode = decodeBody({ maxBytes });
  const check = validate(options.modules, { clock, random });
  const stages: readonly (NamedStage & { readonly name: StageName })[] = [
    { name: "shed", stage: shed({ maxInFlight: options.maxInFlight, isClosing, hasRoom: disk.hasRoom }) },
    { name: "authenticate", stage: authenticate(identity.keys, { authenticate: options.authenticate }) },
    { name: "authorize", stage: authorizeIngest(authorizer, { organizationOf }) },
    { name: "limitBatches", stage: limitBatches(store, limitsOf) },
    { name: "readBody", stage: readBody({ maxBytes }) },
    { name: "verifySignature", stage: verifySignature(identity.projects) },
    { name: "decodeBody", stage: decode },
    { name: "idempotency", stage: idempotency({ clock }) },
    { name: "validate", stage: check },
    { name: "authorizeTypes", stage: authorizeTypes(authorizer, modules, { organizationOf }) },
    { name: "limitEvents", stage: limitEvents(store, limitsOf, modules) },
    { name: "write", stage: write(modules, { bus, hasBuiltInStagesOnly, recall: [decode, check] }) },
    { name: "respond", stage: respond() },
  ];
  const onFault = (error: unknown, requestId: string) => ports.faults.tell({ source: "request", error, requestId });
  const pipeline = createPipeline(stages, { tracer: options.tracer, onFault });
  return pipeline;
}
