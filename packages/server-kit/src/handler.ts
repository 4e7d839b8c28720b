// Answers every request of a kit: finds what it is for, knows who sends it, runs it.
import { placeOf } from "@cuitty/storage/file";
import { CuittyError } from "@cuitty/wire-protocol";
import { type Dispatcher, dispatchHttp, notFound } from "./dispatch.ts";
import { isOperational } from "./faults.ts";
import { checkHealth } from "./health.ts";
import { authenticate } from "./ingest/authenticate.ts";
import { createContextMaker, type OwnedContext } from "./ingest/context.ts";
import { answerPreflight } from "./ingest/cors.ts";
import type { Exchange } from "./ingest/exchange.ts";
import type { Pipeline } from "./ingest/pipeline.ts";
import type { KitPorts } from "./kit-pipeline.ts";
import type { KitStreams } from "./kit-streams.ts";
import { isFault, jsonReply, problemReply } from "./respond.ts";
import type { Router } from "./router.ts";
import { settleWithin } from "./runners/settle-within.ts";
import { traced } from "./tracer.ts";

export interface HandlerPorts extends KitPorts {
  readonly router: Router;
  readonly dispatch: Dispatcher;
  readonly pipeline: Pipeline;
  readonly streams: KitStreams;
  readonly openapi: () => Readonly<Record<string, unknown>>;
}

export interface Handler {
  handle(exchange: Exchange): Promise<Response>;
  owns(path: string): boolean;
  /** Waits for the requests under way, at most 10 s. */
  drain(): Promise<void>;
}

const drainTimeoutMs = 10_000;

type Answer = (context: OwnedContext) => Promise<Response>;

export function createHandler(ports: HandlerPorts): Handler {
  const { router, dispatch, pipeline, streams, counters, options } = ports;
  const makeContext = createContextMaker({ clock: ports.clock, random: ports.random });
  const identify = authenticate(ports.identity.keys, { authenticate: options.authenticate });
  const working = new Set<Promise<Response>>();

  /** Paths that are not in the route table, by method. */
  const fixed = new Map<string, Readonly<Record<string, Answer>>>([
    ["/api/ingest", { POST: ingest, OPTIONS: async (context) => answerPreflight(context, ports.identity.keys.knowsOrigin) }],
    ["/api/health", { GET: health }],
    ["/api/openapi.json", { GET: async (context) => jsonReply(context, JSON.stringify(ports.openapi())) }],
    ...streams.paths.map(({ path, answers }): [string, Readonly<Record<string, Answer>>] => [path, answers]),
  ]);

  async function ingest(context: OwnedContext): Promise<Response> {
    const reply = await pipeline.run(context);
    counters.batch(context.result, context.wireBody?.byteLength ?? 0);
    return reply;
  }

  const systemPlace = placeOf(ports.identity.driver.path);

  async function health(context: OwnedContext): Promise<Response> {
    const readSystem = () => {
      systemPlace.assertKept();
      ports.identity.driver.prepare("SELECT 1").get();
    };
    const { modules, faults, isClosing } = ports;
    const report = await checkHealth({ modules, readSystem, isDamaged: faults.isDamaged, busName: ports.bus.name, isClosing });
    const status = report.status === "ok" ? 200 : 503;
    const isDetailed = await hasKey(context);
    context.replyHeaders.set("cache-control", "no-store");
    return jsonReply(context, JSON.stringify(isDetailed ? report : { status: report.status }), status);
  }

  /** A wrong key is no reason to call a healthy server unhealthy. */
  async function hasKey(context: OwnedContext): Promise<boolean> {
    if (context.exchange.header("authorization") === null) return false;
    try {
      await identify(context);
      return context.subject?.scopes.some((scope) => scope === "read" || scope === "admin") ?? false;
    } catch {
      return false;
    }
  }

  async function route(context: OwnedContext): Promise<Response> {
    const { exchange } = context;
    const method = exchange.method === "HEAD" ? "GET" : exchange.method;
    const answers = fixed.get(exchange.path);
    if (answers !== undefined) {
      const answer = Object.hasOwn(answers, method) ? answers[method] : undefined;
      if (answer === undefined) throw notAllowed(Object.keys(answers));
      return answer(context);
    }
    const match = router.match(method, exchange.path);
    if (match === null) throw notFound();
    if (match.found === null) throw notAllowed(match.allow);
    if (ports.isClosing()) throw new CuittyError("shutting_down", "The server is closing; try again", { retryable: true });
    const { found, params } = match;
    // What is written to a file that was moved away nobody will find again.
    if (method !== "GET") systemPlace.assertKept();
    return traced({ tracer: options.tracer, name: found.route.operationId, trace: context.trace }, async () => {
      await identify(context);
      return dispatchHttp(dispatch, found, { context, params });
    });
  }

  async function answer(exchange: Exchange): Promise<Response> {
    const context = makeContext(exchange);
    let reply: Response;
    try {
      reply = await route(context);
    } catch (error) {
      if (isFault(error) || isOperational(error)) ports.faults.tell({ source: "request", error, requestId: context.requestId });
      reply = problemReply(context, error);
    }
    counters.reply(reply.status);
    return exchange.method === "HEAD" ? new Response(null, reply) : reply;
  }

  return {
    handle(exchange) {
      const reply = answer(exchange);
      working.add(reply);
      return reply.finally(() => working.delete(reply));
    },
    owns: (path) => fixed.has(path) || router.routes.some((mounted) => path === mounted.path) || router.match("GET", path) !== null,
    drain: () => settleWithin([...working], { timeoutMs: drainTimeoutMs }),
  };
}

function notAllowed(methods: readonly string[]): CuittyError {
  const allow = methods.includes("GET") ? [...methods, "HEAD"] : methods;
  return new CuittyError("method_not_allowed", `Expected one of the methods ${allow.join(", ")}`, {
    details: { headers: { allow: allow.join(", ") } },
  });
}
