// What the middleware needs of Hono, as types of our own: whoever does not use Hono need not have it installed, not even to check types.

/** The part of Hono's context that is read. */
export interface HonoContext {
  readonly req: HonoRequest;
  readonly res: { readonly status: number };
  readonly env: unknown;
  readonly executionCtx: { waitUntil(promise: Promise<unknown>): void };
}

/** The part of Hono's request that is read. */
export interface HonoRequest {
  readonly method: string;
  readonly path: string;
  readonly raw: Request;
  /** Position of the handler that was reached last. */
  readonly routeIndex: number;
  header(name: string): string | undefined;
}

/** Middleware that `app.use` of Hono takes. */
export type HonoMiddleware = (context: HonoContext, next: () => Promise<void>) => Promise<void>;
