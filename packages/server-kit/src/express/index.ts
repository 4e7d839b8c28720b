// Express: the whole kit in one line, or each stage alone for a route of your own.
export type { MountableKit } from "../node/node-handler.ts";
export type { AuthenticatePartOptions, IngestOptions, RateLimitOptions } from "../parts/parts.ts";
export type { SseOptions } from "../parts/stream-part.ts";
export { kitMiddleware } from "./kit-middleware.ts";
export { authenticate, idempotency, ingest, rateLimit, readBody, routeEvents, type StreamHandler, sse, verifySignature } from "./parts.ts";
