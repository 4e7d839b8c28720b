// Stages: rate limits per project, one for batches before the body is read, one for events before anything is written.
import { CuittyError } from "@cuitty/wire-protocol";
import type { ProjectLimits } from "../auth/directory.ts";
import type { RateOutcome, RatePolicy, RateStore } from "../limits/rate-store.ts";
import type { Stage, StageContext } from "./stage.ts";

/** Answers the limits of a project, defaults filled in. */
export type LimitsOf = (projectId: string) => Pick<Required<ProjectLimits>, "eventsPerSecond" | "batchesPerSecond">;

/** A pause lets this many seconds' worth through at once. */
const burstSeconds = 10;

/** Takes one from `batches`. **Errors**: `rate_limited`. */
export function limitBatches(store: RateStore, limitsOf: LimitsOf): Stage {
  const policyOf = policyMaker("batches");
  return (context) => take(context, store, { cost: 1, policy: policyOf(limitsOf(projectIdOf(context)).batchesPerSecond) });
}

/** Takes one from `events` for every event sent, all or nothing. **Errors**: `rate_limited`, `batch_exceeds_burst`. */
export function limitEvents(store: RateStore, limitsOf: LimitsOf): Stage {
  const policyOf = policyMaker("events");
  return (context) => {
    const cost = context.events?.length ?? 0;
    const policy = policyOf(limitsOf(projectIdOf(context)).eventsPerSecond);
    if (cost > policy.burst) {
      throw new CuittyError(
        "batch_exceeds_burst",
        `Expected at most ${policy.burst} events in a batch of this project, got ${cost}; split it`,
        {
          details: { limit: policy.burst, got: cost },
        },
      );
    }
    return take(context, store, { cost, policy });
  };
}

interface Taking {
  readonly cost: number;
  readonly policy: RatePolicy;
}

function take(context: StageContext, store: RateStore, taking: Taking): Promise<undefined> | undefined {
  const outcome = store.take(projectIdOf(context), taking.cost, taking.policy);
  return outcome instanceof Promise
    ? outcome.then((value) => settle(context, value, taking.policy))
    : settle(context, outcome, taking.policy);
}

function settle(context: StageContext, outcome: RateOutcome, policy: RatePolicy): undefined {
  addHeaders(context.replyHeaders, outcome, policy);
  if (outcome.isAllowed) return;
  throw new CuittyError(
    "rate_limited",
    `The project's limit of ${policy.perSecond} ${policy.name} a second is used up; wait as Retry-After says`,
    {
      retryable: true,
      details: { retryAfterSeconds: outcome.retryAfterSeconds, extensions: { "violated-policies": [policy.name] } },
    },
  );
}

/** Source: draft-ietf-httpapi-ratelimit-headers, lists of policies and of states in the same order. */
function addHeaders(headers: Map<string, string>, outcome: RateOutcome, policy: RatePolicy): void {
  append(headers, "ratelimit-policy", `"${policy.name}";q=${policy.burst};w=${burstSeconds}`);
  append(headers, "ratelimit", `"${policy.name}";r=${outcome.remaining};t=${outcome.resetSeconds}`);
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
