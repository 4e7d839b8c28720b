// Each stage alone, as Hono middleware.
import { isCuittyError } from "@cuitty/wire-protocol";
import type { Context, MiddlewareHandler } from "hono";
import type { KeyDirectory, SecretDirectory } from "../auth/directory.ts";
import { createContextMaker } from "../ingest/context.ts";
import type { IdempotencyOptions } from "../ingest/idempotency.ts";
import type { ReadBodyOptions } from "../ingest/read-body.ts";
import type { StageContext } from "../ingest/stage.ts";
import type { ModuleRegistry } from "../modules.ts";
import {
  type AuthenticatePartOptions,
  authenticatePart,
  type IngestOptions,
  idempotencyPart,
  ingestPart,
  type RateLimitOptions,
  rateLimitPart,
  readBodyPart,
  routeEventsPart,
  verifySignaturePart,
} from "../parts/parts.ts";
import type { Part, RequestState } from "../parts/request-state.ts";
import { type SseOptions, streamPart } from "../parts/stream-part.ts";
import { problemReply } from "../respond.ts";
import { honoExchange } from "./hono-exchange.ts";
import { keepHeaders } from "./keep-headers.ts";

/** What the parts leave for your own handlers: `c.get("cuitty").batch`, `.subject`, `.projectId` and so on. */
export interface CuittyEnv {
  Variables: { cuitty: StageContext };
}

/** A part as Hono takes it. */
export type Middleware = MiddlewareHandler<CuittyEnv>;

/** A stream's middleware can be closed, which ends its streams. */
export type StreamMiddleware = Middleware & { close(): void };

/** Who sends this. First of the parts. @example app.post("/telemetry", authenticate(keys), readBody(), verifySignature(secrets), idempotency(), ingest(modules)); */
export const authenticate = (keys: KeyDirectory, options?: AuthenticatePartOptions): Middleware =>
  toMiddleware(authenticatePart(keys, options));

/** Takes the exact bytes of the body. */
export const readBody = (options?: ReadBodyOptions): Middleware => toMiddleware(readBodyPart(options));

/** After `authenticate` and `readBody`. */
export const verifySignature = (secrets: SecretDirectory): Middleware => toMiddleware(verifySignaturePart(secrets));

/** After `readBody`, and after `verifySignature` where there is one. */
export const idempotency = (options?: IdempotencyOptions): Middleware => toMiddleware(idempotencyPart(options));

/** After `authenticate`. */
export const rateLimit = (options?: RateLimitOptions): Middleware => toMiddleware(rateLimitPart(options));

/** Checks the events without writing them: look at them before `ingest`. */
export const routeEvents = (modules: ModuleRegistry, options?: IngestOptions): Middleware =>
  toMiddleware(routeEventsPart(modules, options));

/** Writes the events and answers. Last of the parts. */
export const ingest = (modules: ModuleRegistry, options?: IngestOptions): Middleware => toMiddleware(ingestPart(modules, options));

/** Answers with a live stream: of the module in the path (`/live/:module`), or of `?topics=`. After `authenticate`. */
export function sse(modules: ModuleRegistry, options?: SseOptions): StreamMiddleware {
  const stream = streamPart(modules, options);
  const middleware = toMiddleware((state, c) => {
    const { node } = state.context.exchange;
    if (node !== undefined) keepHeaders(c, node.outgoing);
    return stream.open(state, c.req.param("module") ?? null);
  });
  return Object.assign(middleware, { close: () => stream.close() });
}

type HonoPart = (state: RequestState, c: Context) => ReturnType<Part>;

const stateKey = "cuittyState";

function toMiddleware(part: HonoPart): Middleware {
  const makeContext = createContextMaker();
  return async (c: Context, next) => {
    const known = c.get(stateKey) as RequestState | undefined;
    const state: RequestState = known ?? { context: makeContext(honoExchange(c)), beforeWrite: [], recheck: null };
    if (known === undefined) {
      c.set(stateKey, state);
      c.set("cuitty", state.context);
    }
    const reply = await answerOf(part, state, c);
    try {
      if (reply === undefined) await next();
    } catch (error) {
      // Hono turns an Error into a reply of its own; anything else that was thrown comes through.
      if (known === undefined) state.context.settle(problemReply(state.context, error));
      throw error;
    }
    // The first part sees how the request ended, whoever answered it.
    if (known === undefined) state.context.settle(reply ?? c.res);
    return reply;
  };
}

/** What a part refuses is a problem; anything unexpected, parts in an order that cannot work included, is the app's own error handler's. */
async function answerOf(part: HonoPart, state: RequestState, c: Context): Promise<Response | undefined> {
  try {
    return await part(state, c);
  } catch (error) {
    const reply = problemReply(state.context, error);
    if (isCuittyError(error) && error.code !== "internal") return reply;
    state.context.settle(reply);
    throw error;
  }
}
