// Hono middleware: tells the client's plugins about every finished request, whatever became of it.
import type { HonoContext, HonoMiddleware } from "./hono-context.ts";
import { honoRoute } from "./hono-route.ts";
import type { RequestRecord } from "./plugin.ts";
import { forwardedIp, pathOf, type RequestRecorder, userAgentOf } from "./request-recorder.ts";

export interface HonoRecordingOptions {
  readonly trustedProxies?: number | undefined;
  readonly ip?: ((context: never) => string | undefined) | undefined;
}

/** What `createHonoMiddleware` returns, without Hono's types. */
export function recordHonoRequests(recorder: RequestRecorder, options: HonoRecordingOptions = {}): HonoMiddleware {
  return async function cuittyRequests(context, next) {
    const startedAtMs = Date.now();
    const started = performance.now();
    const ownIndex = context.req.routeIndex;
    let thrown: { readonly error: unknown } | undefined;
    try {
      await next();
    } catch (error) {
      thrown = { error };
      throw error;
    } finally {
      // Anything that goes wrong in here stays in here: the host's answer matters more than our record of it.
      try {
        const statusCode = statusOf(context, thrown);
        recorder.recordRequest({
          ...describe(context, options),
          route: honoRoute(context, ownIndex, statusCode),
          statusCode,
          durationMs: performance.now() - started,
          startedAtMs,
        });
        sendBeforeFreeze(context, recorder);
      } catch {
        // A recorder never throws; a context that is not Hono's may.
      }
    }
  };
}

function describe(context: HonoContext, options: HonoRecordingOptions) {
  return {
    method: context.req.method,
    path: pathOf(context.req.path),
    ip: ipOf(context, options),
    userAgent: userAgentOf(context.req.header("user-agent")),
    context,
  } satisfies Partial<RequestRecord>;
}

/** Hono turns thrown errors into responses before we see them; only what is no `Error`, or is thrown without an app around, arrives as a throw. */
function statusOf(context: HonoContext, thrown: { readonly error: unknown } | undefined): number {
  if (thrown === undefined) return context.res.status;
  const status = (thrown.error as { status?: unknown } | null | undefined)?.status;
  return typeof status === "number" && status >= 400 && status <= 599 ? status : 500;
}

function givenIp(context: HonoContext, options: HonoRecordingOptions): string | undefined {
  try {
    return options.ip?.(context as never);
  } catch {
    // A request without an address is worth more than none.
    return undefined;
  }
}

interface Connection {
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } };
  readonly remoteAddr?: { readonly hostname?: string };
  readonly requestIP?: (request: Request) => { readonly address?: string } | null;
  readonly server?: { readonly requestIP?: (request: Request) => { readonly address?: string } | null };
}

function ipOf(context: HonoContext, options: HonoRecordingOptions): string | undefined {
  const { trustedProxies = 0 } = options;
  const given =
    givenIp(context, options) ?? (trustedProxies > 0 ? forwardedIp(context.req.header("x-forwarded-for"), trustedProxies) : undefined);
  if (given !== undefined) return given;
  // Node's adapter, Deno and Bun hand the connection over in `env`, each in its own way.
  const env = (context.env ?? {}) as Connection;
  const server = typeof env.requestIP === "function" ? env : env.server;
  const address = env.incoming?.socket?.remoteAddress ?? env.remoteAddr?.hostname ?? server?.requestIP?.(context.req.raw)?.address;
  if (address !== undefined) return address;
  // Only Cloudflare puts `cf` on a request, and it overwrites this header.
  return "cf" in context.req.raw ? context.req.header("cf-connecting-ip") : undefined;
}

function sendBeforeFreeze(context: HonoContext, recorder: RequestRecorder): void {
  const executionContext = executionContextOf(context);
  if (typeof executionContext?.waitUntil === "function") executionContext.waitUntil(recorder.drain?.() ?? recorder.flush());
}

function executionContextOf(context: HonoContext) {
  const env = (context.env ?? {}) as Connection;
  // Servers that hand over their connection run on; asking Hono for what it has not costs an exception each time.
  if (env.incoming !== undefined || env.remoteAddr !== undefined || env.requestIP !== undefined) return undefined;
  try {
    return context.executionCtx;
  } catch {
    return undefined;
  }
}
