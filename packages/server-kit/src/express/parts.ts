// Each stage alone, as Express middleware.
import { isCuittyError } from "@cuitty/wire-protocol";
import type { Response as ExpressResponse, Request, RequestHandler } from "express";
import type { KeyDirectory, SecretDirectory } from "../auth/directory.ts";
import { createContextMaker } from "../ingest/context.ts";
import type { IdempotencyOptions } from "../ingest/idempotency.ts";
import type { ReadBodyOptions } from "../ingest/read-body.ts";
import type { ModuleRegistry } from "../modules.ts";
import { nodeExchange } from "../node/exchange.ts";
import { sendResponse } from "../node/send.ts";
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

/** A stream's middleware can be closed, which ends its streams. */
export type StreamHandler = RequestHandler & { close(): void };

/** Who sends this. First of the parts; they leave what they found in `res.locals.cuitty`. @example app.post("/telemetry", authenticate(keys), readBody(), verifySignature(secrets), idempotency(), ingest(modules)); */
export const authenticate = (keys: KeyDirectory, options?: AuthenticatePartOptions): RequestHandler =>
  toHandler(authenticatePart(keys, options));

/** Takes the exact bytes of the body. */
export const readBody = (options?: ReadBodyOptions): RequestHandler => toHandler(readBodyPart(options));

/** After `authenticate` and `readBody`. */
export const verifySignature = (secrets: SecretDirectory): RequestHandler => toHandler(verifySignaturePart(secrets));

/** After `readBody`, and after `verifySignature` where there is one. */
export const idempotency = (options?: IdempotencyOptions): RequestHandler => toHandler(idempotencyPart(options));

/** After `authenticate`. */
export const rateLimit = (options?: RateLimitOptions): RequestHandler => toHandler(rateLimitPart(options));

/** Checks the events without writing them: look at them before `ingest`. */
export const routeEvents = (modules: ModuleRegistry, options?: IngestOptions): RequestHandler =>
  toHandler(routeEventsPart(modules, options));

/** Writes the events and answers. Last of the parts. */
export const ingest = (modules: ModuleRegistry, options?: IngestOptions): RequestHandler => toHandler(ingestPart(modules, options));

/** Answers with a live stream: of the module in the path (`/live/:module`), or of `?topics=`. After `authenticate`. */
export function sse(modules: ModuleRegistry, options?: SseOptions): StreamHandler {
  const stream = streamPart(modules, options);
  const handler = toHandler((state, request) => {
    const name = request.params.module;
    return stream.open(state, typeof name === "string" ? name : null);
  });
  return Object.assign(handler, { close: () => stream.close() });
}

type ExpressPart = (state: RequestState, request: Request) => ReturnType<Part>;

const stateKey = "cuittyState";

function toHandler(part: ExpressPart): RequestHandler {
  const makeContext = createContextMaker();
  return (request, response, next) => {
    const state =
      (response.locals[stateKey] as RequestState | undefined) ??
      begin(response, { context: makeContext(nodeExchange(request, response)), beforeWrite: [], recheck: null });
    answerOf(part, state, request)
      .then(async (reply) => {
        if (reply === undefined) return next();
        state.context.settle(reply);
        await sendResponse(reply, request, response);
      })
      .catch(next);
  };
}

function begin(response: ExpressResponse, state: RequestState): RequestState {
  response.locals[stateKey] = state;
  response.locals.cuitty = state.context;
  // Whoever answers in the end, and if nobody does because the client went away.
  response.once("close", () =>
    state.context.settle(new Response(null, { status: response.statusCode >= 200 ? response.statusCode : 500 })),
  );
  return state;
}

/** What a part refuses is a problem; anything unexpected, parts in an order that cannot work included, is the app's own error handler's. */
async function answerOf(part: ExpressPart, state: RequestState, request: Request): Promise<Response | undefined> {
  try {
    return await part(state, request);
  } catch (error) {
    if (isCuittyError(error) && error.code !== "internal") return problemReply(state.context, error);
    throw error;
  }
}
