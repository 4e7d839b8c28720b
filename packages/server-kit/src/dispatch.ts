// Runs one route: authorise, check what came in, handle, check what goes out. HTTP and direct calls share it.
import type { ModuleFile } from "@cuitty/storage/module-file";
import { CuittyError, LIMITS } from "@cuitty/wire-protocol";
import type { Authorizer, Resource } from "./auth/authorize.ts";
import type { Clock } from "./clock.ts";
import type { StageContext } from "./ingest/stage.ts";
import { emptyReply, jsonReply } from "./respond.ts";
import type { RouteContext, Subject } from "./route.ts";
import { checked, matchesReply, withBodyDefaults, withDefaults } from "./route-schema.ts";
import { pathToValues, queryToValues } from "./route-texts.ts";
import type { MountedRoute } from "./router.ts";

export interface DispatchPorts {
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  /** Largest body of a management request. Units: bytes. @default 262_144 */
  readonly maxBodyBytes?: number;
}

/** A request whose sender is known. */
export interface RouteCall {
  readonly subject: Subject;
  readonly projectId: string | null;
  /** As the path has them: what names the resource. */
  readonly params: Readonly<Record<string, string>>;
  /** The same, converted to the types of the route or given by a direct call. */
  readonly typedParams: unknown;
  /** Converted from the query string or given by a direct call. */
  readonly query: unknown;
  /** Read only after the call is allowed. */
  readonly body: () => Promise<unknown>;
  readonly signal: AbortSignal;
  readonly requestId?: string;
}

export type Dispatcher = (mounted: MountedRoute, call: RouteCall) => Promise<unknown>;

const bodyTimeouts = { idleTimeoutMs: 10_000, totalTimeoutMs: 30_000 };

/** **Errors**: `not_found`, `insufficient_scope`, `invalid_request`, the handler's own. */
export function createDispatcher({ authorizer, clock }: DispatchPorts): Dispatcher {
  return async (mounted, call) => {
    const { route, module } = mounted;
    const resource = mounted.resource({ subject: call.subject, projectId: call.projectId, params: call.params });
    await authorize(authorizer, call, { action: route.action, resource });
    const params = checked(route.params, withDefaults(route.params, call.typedParams), "params");
    const query = checked(route.query, withDefaults(route.query, call.query ?? {}), "query");
    const body = route.body === undefined ? undefined : checked(route.body, withBodyDefaults(route.body, await call.body()), "body");
    const context: RouteContext<unknown, unknown, unknown> = {
      subject: call.subject,
      projectId: resource.projectId ?? "",
      file: module?.file as ModuleFile,
      params: params ?? call.params,
      query,
      body,
      nowMs: clock(),
      signal: call.signal,
      ...(call.requestId === undefined ? undefined : { requestId: call.requestId }),
    };
    const reply = await route.handle(context as Parameters<typeof route.handle>[0]);
    if (matchesReply(route.reply, reply)) return reply;
    throw new CuittyError("internal", `The handler of ${route.operationId} returned what its reply schema does not allow`);
  };
}

interface Question {
  readonly action: MountedRoute["route"]["action"];
  readonly resource: Resource;
}

/** Another organisation's resource does not exist, whatever the authorizer says; an authorizer that fails denies. */
export async function authorize(
  authorizer: Authorizer,
  call: Pick<RouteCall, "subject"> & Partial<Pick<RouteCall, "signal">>,
  question: Question,
): Promise<void> {
  const { action, resource } = question;
  if (resource.organizationId !== call.subject.organizationId) throw notFound();
  const decision = await authorizer.authorize(call.subject, action, resource);
  if (decision.effect === "allow") return;
  if (decision.effect === "deny" && decision.isHidden) throw notFound();
  const reason = decision.effect === "deny" ? decision.reason : `needs ${decision.missing.join(", ")}`;
  throw new CuittyError("insufficient_scope", `Not allowed: this ${reason}`);
}

/** Answers an HTTP request for a route; its sender is known already. */
export async function dispatchHttp(dispatch: Dispatcher, mounted: MountedRoute, request: HttpCall): Promise<Response> {
  const { context, params, maxBodyBytes = LIMITS.eventBytes } = request;
  const { exchange, subject } = context;
  if (subject === null) throw new CuittyError("unauthorized", "Expected the header Authorization: Bearer <api key>");
  const reply = await dispatch(mounted, {
    subject,
    projectId: context.projectId,
    params,
    typedParams: pathToValues(mounted.route.params, params),
    query: queryToValues(mounted.route.query, exchange.search),
    body: () => readJson(context, maxBodyBytes),
    signal: exchange.signal,
    requestId: context.requestId,
  });
  context.replyHeaders.set("cache-control", "no-store");
  const status = mounted.route.status ?? 200;
  return status === 204 ? emptyReply(context) : jsonReply(context, JSON.stringify(reply), status);
}

export interface HttpCall {
  readonly context: StageContext;
  readonly params: Readonly<Record<string, string>>;
  readonly maxBodyBytes?: number;
}

async function readJson(context: StageContext, maxBytes: number): Promise<unknown> {
  const { exchange } = context;
  const bytes = await exchange.body.read({ maxBytes, ...bodyTimeouts });
  if (bytes.byteLength === 0) return {};
  if (!/^application\/json\s*(;|$)/i.test(exchange.header("content-type") ?? "")) {
    throw new CuittyError("unsupported_media_type", "Expected Content-Type: application/json");
  }
  const body = parseJson(bytes);
  // What looks at it afterwards goes down into it, and has no room for any depth.
  if (isDeeperThan(LIMITS.jsonDepth, body)) throw new CuittyError("invalid_request", `body: nested deeper than ${LIMITS.jsonDepth} levels`);
  return body;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new CuittyError("invalid_json", "Expected the body to be JSON");
  }
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeperThan(levels - 1, member));
}

export function notFound(): CuittyError {
  return new CuittyError("not_found", "Nothing here, or not for this key");
}
