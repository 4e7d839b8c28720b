// Stage: the same batch sent again gets the first reply. Requests at the same time share one run; the inbox in the files does the rest.
import { createHash } from "node:crypto";
import { CuittyError, HEADER, LIMITS } from "@cuitty/wire-protocol";
import { isEqualBytes } from "@cuitty/wire-protocol/signature";
import { type Clock, systemClock } from "../clock.ts";
import { jsonReply } from "../respond.ts";
import { idempotencyKeyOf } from "./idempotency-key.ts";
import { type CachedReply, createReplyCache, type ReplyCache } from "./reply-cache.ts";
import type { Stage, StageContext } from "./stage.ts";

export interface IdempotencyOptions {
  readonly clock?: Clock | undefined;
  /** Longest wait for a request with the same key that is under way. @default 2_000 */
  readonly joinTimeoutMs?: number | undefined;
}

interface Flight {
  readonly fingerprint: Uint8Array;
  /** The reply's body; null when the run did not end in a stored batch. */
  readonly landed: Promise<string | null>;
}

interface State {
  readonly cache: ReplyCache;
  readonly flights: Map<string, Flight>;
  readonly joinTimeoutMs: number;
}

/** Uses `decodedBody` and `projectId`, fills `idempotency`. **Errors**: `idempotency_key_invalid`, `idempotency_key_reused`, `overloaded` after a long wait. */
export function idempotency(options: IdempotencyOptions = {}): Stage {
  const { clock = systemClock, joinTimeoutMs = 2_000 } = options;
  const state: State = { cache: createReplyCache({ clock, ttlMs: LIMITS.idempotencyKeyTtlMs }), flights: new Map(), joinTimeoutMs };
  return (context) => {
    const key = idempotencyKeyOf(context.exchange);
    if (key === null) return undefined;
    if (context.decodedBody === null) throw new CuittyError("internal", "idempotency must come after decodeBody");
    const fingerprint = createHash("sha256").update(context.decodedBody).digest();
    context.idempotency = { key, fingerprint };
    return enter(context, state, fingerprint);
  };
}

function enter(context: StageContext, state: State, fingerprint: Uint8Array): Promise<Response> | Response | undefined {
  // The project comes first and has no NUL, so that no two pairs share a scope.
  const scope = `${context.projectId ?? ""}\0${context.idempotency?.key ?? ""}`;
  const known = state.cache.get(scope);
  if (known !== undefined) return replay(context, known, fingerprint);
  const flight = state.flights.get(scope);
  if (flight === undefined) return lead(context, state, scope);
  return join(context, { state, flight, fingerprint }).then((reply) => reply ?? (enter(context, state, fingerprint) as Promise<Response>));
}

function lead(context: StageContext, state: State, scope: string): undefined {
  const { cache, flights } = state;
  const fingerprint = (context.idempotency as NonNullable<StageContext["idempotency"]>).fingerprint;
  let land: (body: string | null) => void = () => undefined;
  const landed = new Promise<string | null>((resolve) => {
    land = resolve;
  });
  flights.set(scope, { fingerprint, landed });
  context.onReply((reply) => {
    const body = reply.status === 200 ? context.replyBody : null;
    // One that a file's inbox told is not kept: its day began with the first request, not with this one.
    if (body !== null && context.result?.isReplay !== true) cache.set(scope, { fingerprint, body });
    flights.delete(scope);
    land(body);
  });
}

interface Joining {
  readonly state: State;
  readonly flight: Flight;
  readonly fingerprint: Uint8Array;
}

/**
 * Null when the leader failed: the first of those who wait then leads. Another body waits, too: until the leader's is stored nothing says which of
 * them has the key, as it may have been stored before this process knew of either.
 */
async function join(context: StageContext, { state, flight, fingerprint }: Joining): Promise<Response | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const waited = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      // 503, not 409: a client must send the batch again, as the request it waits for may still fail.
      reject(
        new CuittyError("overloaded", "A request with this idempotency key is still under way; send the same batch again", {
          retryable: true,
        }),
      );
    }, state.joinTimeoutMs);
  });
  try {
    const body = await Promise.race([flight.landed, waited]);
    return body === null ? null : replay(context, { fingerprint: flight.fingerprint, body }, fingerprint);
  } finally {
    clearTimeout(timer);
  }
}

function replay(context: StageContext, known: CachedReply, fingerprint: Uint8Array): Response {
  checkFingerprint(known.fingerprint, fingerprint);
  context.replyHeaders.set(HEADER.replayed.toLowerCase(), "true");
  context.result = { accepted: 0, duplicate: 0, rejected: 0, isReplay: true };
  return jsonReply(context, known.body);
}

function checkFingerprint(known: Uint8Array, given: Uint8Array): void {
  if (!isEqualBytes(known, given)) throw keyReused();
}

/** Shared with `write`, which finds the same in the files' inboxes. */
export function keyReused(): CuittyError {
  return new CuittyError(
    "idempotency_key_reused",
    "This idempotency key was used with another body in the last 24 hours; use a new key for a new batch",
  );
}
