// Hono: the whole kit in one line, or each stage alone for a route of your own.
export type { MountableKit } from "../node/node-handler.ts";
export type { AuthenticatePartOptions, IngestOptions, RateLimitOptions } from "../parts/parts.ts";
export type { SseOptions } from "../parts/stream-part.ts";
export { mountKit } from "./mount-kit.ts";
export {
  authenticate,
  type CuittyEnv,
  idempotency,
  ingest,
  type Middleware,
  rateLimit,
  readBody,
  routeEvents,
  type StreamMiddleware,
  sse,
  verifySignature,
} from "./parts.ts";
