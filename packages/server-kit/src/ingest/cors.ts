// Cross-origin answers for publishable keys: browsers on the key's own origins may send and read the reply, nobody else.
import { emptyReply } from "../respond.ts";
import type { StageContext } from "./stage.ts";

/** Whether some live publishable key may be used from an origin. */
export type KnowsOrigin = (origin: string) => boolean;

const requestHeaders =
  "authorization, content-type, content-encoding, x-cuitty-signature, x-cuitty-idempotency-key, x-idempotency-key, idempotency-key, x-project-id, x-cuitty-sent-at, x-cuitty-sdk, x-request-id, traceparent, tracestate";
const replyHeaders = "retry-after, ratelimit, ratelimit-policy, x-request-id, idempotency-replayed";

/** Lets the page read this answer. */
export function allowOrigin(context: StageContext, origin: string): void {
  context.replyHeaders.set("access-control-allow-origin", origin);
  context.replyHeaders.set("access-control-expose-headers", replyHeaders);
  context.replyHeaders.set("vary", "Origin");
}

/** Answers a preflight, which carries no key: an origin of any live publishable key may go on and ask with it. */
export function answerPreflight(context: StageContext, knowsOrigin: KnowsOrigin): Response {
  const origin = context.exchange.header("origin");
  context.replyHeaders.set("allow", "POST");
  context.replyHeaders.set("vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
  if (origin !== null && knowsOrigin(origin)) {
    context.replyHeaders.set("access-control-allow-origin", origin);
    context.replyHeaders.set("access-control-allow-methods", "POST");
    context.replyHeaders.set("access-control-allow-headers", requestHeaders);
    context.replyHeaders.set("access-control-max-age", "600");
  }
  return emptyReply(context);
}
