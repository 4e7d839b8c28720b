// The audit plugin: one `audit` event for every HTTP request that the Hono or Express middleware saw.
import type { CuittyPlugin, PluginContext, RequestRecord } from "../plugin.ts";
import { ingestPathOf } from "./ingest-path.ts";

export interface AuditPluginOptions {
  /**
   * Who made the request: an address, a user id, a service name. May be async; what is empty, throws or rejects counts as `anonymous`.
   * `record.context` is Hono's `c`, or `{ req, res }` of Express. @default () => "anonymous"
   */
  readonly actor?: ((record: RequestRecord) => string | undefined | null | Promise<string | undefined | null>) | undefined;
  /** Name of the deed. @default `METHOD route`, or `METHOD path` where no route matched. */
  readonly action?: ((record: RequestRecord) => string | undefined) | undefined;
  /** What it was done to. @default the path */
  readonly resource?: ((record: RequestRecord) => string | undefined) | undefined;
  /** Anything else worth keeping. It is sent as it is: keep credentials out of it. */
  readonly metadata?: ((record: RequestRecord) => Readonly<Record<string, unknown>> | undefined) | undefined;
  /** Requests to leave out, such as health checks. The client's own ingest requests are always left out. @default none */
  readonly skip?: ((record: RequestRecord) => boolean) | undefined;
}

const anonymous = "anonymous";

/**
 * Trigger: the end of each request under `client.honoMiddleware()`, `createHonoMiddleware` or `createExpressMiddleware`.
 *
 * Expected event, for `PUT /notes/7?token=x` on the route `/notes/:id`:
 * ```json
 * { "type": "audit", "data": { "actor": "anonymous", "action": "PUT /notes/:id", "resource": "/notes/7", "method": "PUT", "path": "/notes/7",
 *   "statusCode": 200, "duration": 32.25, "ip": "203.0.113.5", "userAgent": "curl/8.0" } }
 * ```
 * Never holds a query string, a header other than the user agent, or a body.
 */
export function auditPlugin(options: AuditPluginOptions = {}): CuittyPlugin {
  let context: PluginContext | undefined;
  let ingestPath = "";

  function emit(to: PluginContext, record: RequestRecord, actor: unknown): void {
    to.emit({
      type: "audit",
      timestamp: new Date(record.startedAtMs),
      data: auditData(record, typeof actor === "string" && actor !== "" ? actor : anonymous, options),
    });
  }

  return {
    name: "audit",
    setup(given) {
      context = given;
      ingestPath = ingestPathOf(given.portalUrl);
    },
    request(record) {
      if (context === undefined || record.path === ingestPath || options.skip?.(record) === true) return;
      // Kept here, so that an actor who is found only after shutdown began is still handed over.
      const to = context;
      const actor = attempt(() => options.actor?.(record), to);
      if (isPromise(actor)) {
        // The last catch keeps an option of the app that throws from becoming an unhandled rejection.
        actor
          .then(
            (name) => emit(to, record, name),
            () => emit(to, record, anonymous),
          )
          .catch(() => to.debug("audit: an option threw; the request was not recorded"));
      } else emit(to, record, actor);
    },
    teardown() {
      context = undefined;
    },
  };
}

function auditData(record: RequestRecord, actor: string, options: AuditPluginOptions) {
  const metadata = { ...(record.isAborted ? { aborted: true } : undefined), ...options.metadata?.(record) };
  return {
    actor,
    action: options.action?.(record) || `${record.method} ${record.route ?? record.path}`,
    resource: options.resource?.(record) ?? record.path,
    method: record.method,
    path: record.path,
    statusCode: record.statusCode,
    duration: Math.round(record.durationMs * 100) / 100,
    ip: record.ip,
    userAgent: record.userAgent,
    metadata: Object.keys(metadata).length > 0 ? metadata : undefined,
  };
}

// A resolver that fails must not cost the record of the deed, so it is not counted as a failure of the plugin.
function attempt(resolve: () => unknown, context: PluginContext): unknown {
  try {
    return resolve();
  } catch (error) {
    context.debug(`audit: the actor resolver threw ${error instanceof Error ? error.name : typeof error}; recorded as ${anonymous}`);
    return undefined;
  }
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
