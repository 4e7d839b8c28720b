// The stages as parts of a route of your own, the same for every host: no kit needed, only what each part takes.
import type { Authenticate } from "../auth/authenticate.ts";
import { type Authorizer, scopes } from "../auth/authorize.ts";
import type { KeyDirectory, ProjectLimits, SecretDirectory } from "../auth/directory.ts";
import { checkRates } from "../check-options.ts";
import { type Clock, type RandomBytes, systemClock } from "../clock.ts";
import { authenticate as authenticateStage } from "../ingest/authenticate.ts";
import { type AuthorizeIngestOptions, authorizeIngest, authorizeTypes } from "../ingest/authorize.ts";
import { decodeBody } from "../ingest/decode-body.ts";
import { type IdempotencyOptions, idempotency as idempotencyStage } from "../ingest/idempotency.ts";
import { eventLimiter, type LimitsOf, limitBatches } from "../ingest/limit.ts";
import { type ReadBodyOptions, readBody as readBodyStage } from "../ingest/read-body.ts";
import { respond } from "../ingest/respond.ts";
import type { Stage, StageContext } from "../ingest/stage.ts";
import { validate } from "../ingest/validate.ts";
import { verifySignature as verifySignatureStage } from "../ingest/verify-signature.ts";
import { write } from "../ingest/write.ts";
import { createMemoryRateStore, type RateStore } from "../limits/rate-store.ts";
import type { ModuleRegistry } from "../modules.ts";
import { type Part, type RequestState, runStages } from "./request-state.ts";

export interface AuthenticatePartOptions {
  /** Asked when no API key is presented: the app's own session. @default nobody */
  readonly authenticate?: Authenticate | undefined;
}

export interface RateLimitOptions extends ProjectLimits {
  /** Limits of one project, instead of those given for all. */
  readonly limitsOf?: ((projectId: string) => ProjectLimits) | undefined;
  /** @default in memory of this process */
  readonly store?: RateStore | undefined;
  readonly clock?: Clock | undefined;
}

export interface IngestOptions extends AuthorizeIngestOptions {
  /** @default scopes() */
  readonly authorizer?: Authorizer | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomBytes | undefined;
}

type EventLimits = ReturnType<LimitsOf>;

const limitDefaults: EventLimits = { eventsPerSecond: 1_000, batchesPerSecond: 100 };

/** Who sends this: a key of `keys`, or whom the app's own session knows. Errors: `unauthorized`, `project_mismatch`, `origin_not_allowed`. */
export function authenticatePart(keys: KeyDirectory, options: AuthenticatePartOptions = {}): Part {
  const stage = authenticateStage(keys, options);
  return async (state) => {
    const reply = await stage(state.context);
    const { exchange } = state.context;
    // The same question again, on what the request brought: only its headers are kept for it.
    state.recheck = async () => {
      const again = { ...state.context, exchange, subject: null, credential: null, projectId: null };
      try {
        await stage(again as unknown as StageContext);
        return true;
      } catch {
        return false;
      }
    };
    return reply || undefined;
  };
}

/** The exact bytes of the body. Errors: `unsupported_media_type`, `batch_too_large`, `request_timeout`, `body_already_consumed`. */
export const readBodyPart = (options: ReadBodyOptions = {}): Part => stagePart([readBodyStage(options)]);

/** Refuses a body that its project's secret did not sign. Errors: `signature_required`, `signature_mismatch`, `signature_expired`. */
export const verifySignaturePart = (secrets: SecretDirectory): Part => stagePart([verifySignatureStage(secrets)]);

/** The same batch again gets the first reply. Errors: `idempotency_key_invalid`, `idempotency_key_reused`, those of a body that cannot be read. */
export const idempotencyPart = (options: IdempotencyOptions = {}): Part => stagePart([decodeOnce, idempotencyStage(options)]);

/** Limits batches now, and events when `ingest` has counted them. Errors: `invalid_option` at once; `rate_limited`, `batch_exceeds_burst`. */
export function rateLimitPart(options: RateLimitOptions = {}): Part {
  const { clock = systemClock, store = createMemoryRateStore({ clock }), limitsOf, ...own } = options;
  checkRates("rateLimit", own);
  const defaults = withDefaults(own, limitDefaults);
  const limits = (projectId: string) => {
    const ofProject = limitsOf?.(projectId) ?? {};
    checkRates("limitsOf", ofProject);
    return withDefaults(ofProject, defaults);
  };
  const batches = limitBatches(store, limits);
  const events = eventLimiter(store, limits);
  return async (state) => {
    state.beforeWrite.push(events);
    return (await batches(state.context)) || undefined;
  };
}

/** Checks every event and finds its module, without writing: `batch` of the context then says what is valid. Errors: `not_found`, `insufficient_scope`. */
export function routeEventsPart(modules: ModuleRegistry, options: IngestOptions = {}): Part {
  const { authorizer = scopes(), clock, random, ...lookup } = options;
  const definitions = modules.all.map(({ definition }) => definition);
  return stagePart([
    authorizeIngest(authorizer, lookup),
    decodeOnce,
    validate(definitions, { clock, random }),
    authorizeTypes(authorizer, modules, lookup),
  ]);
}

/** Writes the events and answers. Does what `readBody` and `routeEvents` do where they were left out. */
export function ingestPart(modules: ModuleRegistry, options: IngestOptions = {}): Part {
  const read = readBodyPart();
  const route = routeEventsPart(modules, options);
  const finish = [write(modules, { bus: modules.bus }), respond()];
  return async (state) => {
    const { context, beforeWrite } = state;
    if (context.wireBody === null) await read(state);
    if (context.batch === null) await route(state);
    const limits = beforeWrite.map(
      (stage): Stage =>
        () =>
          stage(context, modules),
    );
    return (await runStages(limits, context)) ?? runStages(finish, context);
  };
}

const withDefaults = (given: ProjectLimits, defaults: EventLimits): EventLimits => ({
  eventsPerSecond: given.eventsPerSecond ?? defaults.eventsPerSecond,
  batchesPerSecond: given.batchesPerSecond ?? defaults.batchesPerSecond,
});

const stagePart =
  (stages: readonly Stage[]): Part =>
  ({ context }: RequestState) =>
    runStages(stages, context);

const decode = decodeBody();
const decodeOnce: Stage = (context) => (context.events === null ? decode(context) : undefined);
