// Hono: the whole kit in one line, or each stage alone for a route of your own.
export type { MountableKit } from "../node/node-handler.ts";
export { mountKit } from "./mount-kit.ts";
export {
  authenticate,
  type CuittyEnv,
  idempotency,
  ingest,
  rateLimit,
  readBody,
  routeEvents,
  type StreamMiddleware,
  sse,
  verifySignature,
} from "./parts.ts";
