// Stages: rate limits per project, one for batches before the body is read, one for events before anything is written.
import { hasKey } from "@cuitty/storage/module-file";
import { CuittyError } from "@cuitty/wire-protocol";
import type { ProjectLimits } from "../auth/directory.ts";
import type { RateOutcome, RatePolicy, RateStore } from "../limits/rate-store.ts";
import type { ModuleRegistry } from "../modules.ts";
import type { Stage, StageContext } from "./stage.ts";

/** Answers the limits of a project, defaults filled in; `Infinity` is none. */
export type LimitsOf = (projectId: string) => Pick<Required<ProjectLimits>, "eventsPerSecond" | "batchesPerSecond">;

/** A pause lets this many seconds' worth through at once. */
const burstSeconds = 10;

/** Takes one from `batches`. **Errors**: `rate_limited`. */
export function limitBatches(store: RateStore, limitsOf: LimitsOf): Stage {
  const policyOf = policyMaker("batches");
  return (context) => {
    const { batchesPerSecond } = limitsOf(projectIdOf(context));
    if (batchesPerSecond === Number.POSITIVE_INFINITY) return undefined;
    return take(context, store, { cost: 1, policy: policyOf(batchesPerSecond), refuse: refuseAtOnce });
  };
}

/** Files whose inboxes tell a replay, which is never refused for its events. */
export type InboxFiles = Pick<ModuleRegistry, "all"> & Partial<Pick<ModuleRegistry, "knownKeys">>;

/** Takes one from `events` for every event sent, all or nothing. **Errors**: `rate_limited`, `batch_exceeds_burst`. @param modules asked for the key before a batch is refused */
export function limitEvents(store: RateStore, limitsOf: LimitsOf, modules?: InboxFiles): Stage {
  const limit = eventLimiter(store, limitsOf);
  return (context) => limit(context, modules);
}

/** As `limitEvents`, for those who know the files only when a batch comes. */
export function eventLimiter(store: RateStore, limitsOf: LimitsOf): (context: StageContext, modules?: InboxFiles) => ReturnType<Stage> {
  const policyOf = policyMaker("events");
  return (context, modules) => {
    const cost = context.events?.length ?? 0;
    const { eventsPerSecond } = limitsOf(projectIdOf(context));
    if (eventsPerSecond === Number.POSITIVE_INFINITY) return undefined;
    const policy = policyOf(eventsPerSecond);
    const refuse = (error: CuittyError) => unlessReplay(context, modules, error);
    if (cost <= policy.burst) return take(context, store, { cost, policy, refuse });
    const message = `Expected at most ${policy.burst} events in a batch of this project, got ${cost}; split it`;
    return refuse(new CuittyError("batch_exceeds_burst", message, { details: { limit: policy.burst, got: cost } }));
  };
}

/** What a file has stored under the key was counted the first time, even where memory has lost the reply: the write tells it again. */
function unlessReplay(context: StageContext, modules: InboxFiles | undefined, error: CuittyError): Promise<undefined> {
  const key = context.idempotency?.key;
  const projectId = projectIdOf(context);
  // Most batches that are refused are new: those of a client that does not slow down must not cost the files a question each.
  if (key === undefined || modules === undefined || modules.knownKeys?.mayHave(projectId, key) === false) throw error;
  const files = modules.all.map(({ file }) => file);
  return hasKey(files, projectId, key).then((isKnown) => {
    if (!isKnown) throw error;
    return undefined;
  });
}

interface Taking {
  readonly cost: number;
  readonly policy: RatePolicy;
  readonly refuse: (error: CuittyError) => Promise<undefined>;
}

function refuseAtOnce(error: CuittyError): never {
  throw error;
}

function take(context: StageContext, store: RateStore, taking: Taking): Promise<undefined> | undefined {
  const outcome = store.take(projectIdOf(context), taking.cost, taking.policy);
  return outcome instanceof Promise ? outcome.then((value) => settle(context, value, taking)) : settle(context, outcome, taking);
}

function settle(context: StageContext, outcome: RateOutcome, { policy, refuse }: Taking): Promise<undefined> | undefined {
  addHeaders(context.replyHeaders, outcome, policy);
  if (outcome.isAllowed) return undefined;
  const message = `The project's limit of ${policy.perSecond} ${policy.name} a second is used up; wait as Retry-After says`;
  return refuse(
    new CuittyError("rate_limited", message, {
      retryable: true,
      details: { retryAfterSeconds: outcome.retryAfterSeconds, extensions: { "violated-policies": [policy.name] } },
    }),
  );
}

/** Source: draft-ietf-httpapi-ratelimit-headers, lists of policies and of states in the same order. */
function addHeaders(headers: Map<string, string>, outcome: RateOutcome, policy: RatePolicy): void {
  append(headers, "ratelimit-policy", `"${policy.name}";q=${policy.burst};w=${burstSeconds}`);
  append(
    headers,
    "ratelimit",
    `"${policy.name}";r=${outcome.remaining};t=${outcome.isAllowed ? outcome.resetSeconds : outcome.retryAfterSeconds}`,
  );
}

function append(headers: Map<string, string>, name: string, item: string): void {
  const before = headers.get(name);
  headers.set(name, before === undefined ? item : `${before}, ${item}`);
}

/** Most projects share one policy, so that the last one made is usually the next one asked for. */
function policyMaker(name: string): (perSecond: number) => RatePolicy {
  let last: RatePolicy | undefined;
  return (perSecond) => {
    if (last?.perSecond !== perSecond) last = { name, perSecond, burst: Math.max(1, Math.floor(perSecond * burstSeconds)) };
    return last;
  };
}

function projectIdOf(context: StageContext): string {
  if (context.projectId !== null) return context.projectId;
  throw new CuittyError("invalid_request", "Expected X-Project-Id to name the project, as this credential is not bound to one");
}
