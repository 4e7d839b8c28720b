// Express middleware: tells the client's plugins about every finished request, also about those whose client went away.
import { type RoutedRequest, watchRoute } from "./express-route.ts";
import { pathOf, type RequestRecorder, userAgentOf } from "./request-recorder.ts";

export type { RoutedRequest } from "./express-route.ts";
export type { RequestRecorder } from "./request-recorder.ts";

/** The part of an Express (or plain Node) request that is read. */
export interface ExpressRequest extends RoutedRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly originalUrl?: string;
  readonly ip?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly socket?: {
    readonly remoteAddress?: string | undefined;
    once?(event: "close", listener: () => void): unknown;
    off?(event: "close", listener: () => void): unknown;
  } | null;
}

/** The part of an Express (or plain Node) response that is read. */
export interface ExpressResponse {
  readonly statusCode: number;
  readonly headersSent: boolean;
  readonly writableFinished: boolean;
  once(event: "close", listener: () => void): unknown;
}

/** Middleware that `app.use` of Express takes, and any server of Node's that calls `next` itself. */
export type ExpressMiddleware = (request: ExpressRequest, response: ExpressResponse, next: (error?: unknown) => void) => void;

/** What nginx writes for a client that left before the answer began; there is no official code. */
const clientClosedRequest = 499;

/**
 * Records each request when its response closes, which also happens when the client hangs up. The address is `req.ip`, so Express's own
 * `trust proxy` setting decides about X-Forwarded-For.
 *
 * ```ts
 * app.use(createExpressMiddleware(cuitty));
 * ```
 */
export function createExpressMiddleware(recorder: RequestRecorder): ExpressMiddleware {
  return function cuittyRequests(request, response, next) {
    try {
      watch(request, response, recorder);
    } catch {
      // A request that cannot be watched is still served.
    }
    next();
  };
}

function watch(request: ExpressRequest, response: ExpressResponse, recorder: RequestRecorder): void {
  const startedAtMs = Date.now();
  const started = performance.now();
  const routeOf = watchRoute(request);
  // Read now: once the socket is gone its address is gone too.
  const ip = request.ip ?? request.socket?.remoteAddress ?? undefined;
  const { socket } = request;
  let isOver = false;
  const onClose = (): void => {
    if (isOver) return;
    isOver = true;
    socket?.off?.("close", onClose);
    const isAborted = !response.writableFinished;
    recorder.recordRequest({
      method: request.method ?? "GET",
      path: pathOf(request.originalUrl ?? request.url ?? "/"),
      route: routeOf(),
      statusCode: isAborted && !response.headersSent ? clientClosedRequest : response.statusCode,
      durationMs: performance.now() - started,
      ip,
      userAgent: userAgentOf(headerOf(request, "user-agent")),
      startedAtMs,
      isAborted,
      context: { req: request, res: response },
    });
  };
  response.once("close", onClose);
  // A response of Bun 1.3 does not tell that its client is gone, its socket does.
  if (process.versions.bun !== undefined) socket?.once?.("close", onClose);
}

function headerOf(request: ExpressRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}
