// `@cuitty/sdk/hono`: the middleware with its options, in Hono's own types.
import type { Context, MiddlewareHandler } from "hono";
import { recordHonoRequests } from "./hono-middleware.ts";
import type { RequestRecorder } from "./request-recorder.ts";

export type { RequestRecorder } from "./request-recorder.ts";

export interface HonoMiddlewareOptions {
  /** How many proxies of yours stand in front and append to X-Forwarded-For; 0 uses the address of the connection. @default 0 */
  readonly trustedProxies?: number | undefined;
  /** Finds the client's address where neither of the above can. */
  readonly ip?: ((context: Context) => string | undefined) | undefined;
}

/**
 * Records each request once its response (or error) is known and changes nothing about either: errors are thrown on, bodies are not touched, streams
 * count until their first byte. On platforms with an execution context (`waitUntil`) the events are sent before the process is frozen.
 *
 * ```ts
 * app.use("*", createHonoMiddleware(cuitty));
 * ```
 */
export function createHonoMiddleware(recorder: RequestRecorder, options: HonoMiddlewareOptions = {}): MiddlewareHandler {
  return recordHonoRequests(recorder, options);
}
