// OpenAPI 3.1 from the route table: the same schemas that check requests describe them.
import { ERROR_CODES, PROBLEM_CONTENT_TYPE } from "@cuitty/wire-protocol";
import { basePathOf } from "../kit-routes.ts";
import type { ModuleRegistry } from "../modules.ts";
import type { Route } from "../route.ts";
import { fieldsOf } from "../route-texts.ts";
import type { MountedRoute } from "../router.ts";
import { type Components, createComponents } from "./components.ts";
import { ingestOperation } from "./ingest-operation.ts";
import { OPERATION_ID, streamOperationId } from "./operation-ids.ts";

type Json = Readonly<Record<string, unknown>>;

export interface OpenApiInput {
  readonly routes: readonly MountedRoute[];
  readonly modules: ModuleRegistry;
  /** Paths that answer with a live stream. */
  readonly streamPaths: readonly string[];
  /** Where the kit is mounted. */
  readonly basePath: string;
}

const problemSchema: Json = {
  type: "object",
  description: "RFC 9457 problem details; `code` is what programs switch on.",
  required: ["type", "title", "status", "detail", "code", "retryable"],
  properties: {
    type: { type: "string", format: "uri" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    code: { type: "string", examples: Object.keys(ERROR_CODES).slice(0, 5) },
    retryable: { type: "boolean" },
    instance: { type: "string", description: "Id of the request, as in X-Request-Id." },
    errors: { type: "array", items: { type: "object", properties: { path: { type: "string" }, reason: { type: "string" } } } },
  },
};

const described: Readonly<Record<number, string>> = {
  400: "The request is malformed.",
  401: "The key is missing, unknown, expired or revoked.",
  403: "The key may not do this.",
  404: "Nothing here, or not for this key.",
  408: "The body did not arrive in time.",
  409: "Something like it exists, or is needed still.",
  413: "The body is too large.",
  415: "The content type or coding is not supported.",
  422: "The idempotency key was used with another body.",
  429: "A rate limit is used up; wait as Retry-After says.",
  503: "Try again, not before Retry-After.",
};

/** A document that tools accept as it is. Errors: `invalid_schema`. */
export function buildOpenApi({ routes, modules, streamPaths, basePath }: OpenApiInput): Json {
  const components = createComponents();
  const problem = components.add("Problem", problemSchema);
  // Names of the kit's own schemas are the same whatever the modules call theirs.
  for (const { route, module } of routes) if (module === null) routeOperation({ route, module, path: "" }, components, {});
  const content = { [PROBLEM_CONTENT_TYPE]: { schema: problem } };
  const answers = (...statuses: readonly number[]): Json => ({
    ...Object.fromEntries(statuses.map((status) => [String(status), { description: described[status], content }])),
    default: { description: "Any other failure, `internal` among them.", content },
  });
  const paths: Record<string, Record<string, Json>> = {
    "/api/ingest": {
      post: ingestOperation(
        modules.all.map(({ definition }) => definition),
        components,
        answers(400, 401, 403, 408, 413, 415, 422, 429, 503),
      ),
    },
    "/api/health": { get: healthOperation(answers(400)) },
    "/api/openapi.json": { get: documentOperation(answers(400)) },
    "/api/stream-tickets": { post: ticketOperation(answers(400, 401, 403, 404, 503)) },
  };
  const streamIds = new Map(modules.all.map(({ definition }) => [`${basePathOf(definition)}/stream`, streamOperationId(definition.name)]));
  for (const path of streamPaths)
    paths[path] = { get: streamOperation(streamIds.get(path) ?? OPERATION_ID.stream, answers(400, 401, 403, 404, 503)) };
  for (const mounted of routes) {
    paths[mounted.path] ??= {};
    (paths[mounted.path] as Record<string, Json>)[mounted.route.method.toLowerCase()] = routeOperation(
      mounted,
      components,
      answers(...statusesOf(mounted.route)),
    );
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Cuitty",
      version: "1.0.0",
      description: "Telemetry ingest, reads and live streams, embedded in this app.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: basePath === "" ? "/" : basePath }],
    security: [{ bearer: [] }],
    tags: tagsOf(modules),
    paths,
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "API key: cuitty_sk_… or, for ingest from a browser, cuitty_pk_…" },
      },
      schemas: components.schemas,
    },
  };
}

function statusesOf({ method, body }: Route): readonly number[] {
  const ofBody = body === undefined ? [] : [408, 413, 415];
  return [400, 401, 403, 404, ...(method === "GET" ? [] : [409]), ...ofBody, 503];
}

function routeOperation({ route, module, path }: Omit<MountedRoute, "resource">, components: Components, problems: Json): Json {
  const status = String(route.status ?? 200);
  const success =
    route.status === 204
      ? { description: "Done." }
      : { description: "Success.", content: { "application/json": { schema: components.place(route.reply) } } };
  const isBodyOptional = route.body !== undefined && ![...(fieldsOf(route.body)?.values() ?? [])].some(({ isRequired }) => isRequired);
  return {
    operationId: route.operationId,
    summary: route.summary,
    description: `Needs the scope \`${route.action}\`.`,
    tags: [module?.definition.name ?? (route.path.includes("keys") ? "keys" : "projects")],
    parameters: [...pathParameters(path, route.params, components), ...parameters(route.query, "query", components)],
    ...(route.body === undefined
      ? undefined
      : { requestBody: { required: !isBodyOptional, content: { "application/json": { schema: components.place(route.body) } } } }),
    responses: { [status]: success, ...problems },
  };
}

/** Those without a schema are texts. */
function pathParameters(path: string, schema: Route["params"], components: Components): readonly Json[] {
  const told = parameters(schema, "path", components);
  const names = Array.from(path.matchAll(/\{([^}]*)\}/g), ([, name]) => name);
  const untold = names.filter((name) => told.every((parameter) => parameter.name !== name));
  return [...told, ...untold.map((name) => ({ name, in: "path", required: true, schema: { type: "string" } }))];
}

function parameters(schema: Route["params"], where: "path" | "query", components: Components): readonly Json[] {
  const fields = schema === undefined ? null : fieldsOf(schema);
  return Array.from(fields ?? [], ([name, field]) => {
    const { description, ...rest } = components.place(field.schema);
    return {
      name,
      in: where,
      required: where === "path" || field.isRequired,
      ...(description === undefined ? undefined : { description }),
      schema: rest,
      // Lists are sent as `a,b`.
      ...(rest.type === "array" ? { explode: false } : undefined),
    };
  });
}

function tagsOf(modules: ModuleRegistry): readonly Json[] {
  const own = [
    { name: "ingest", description: "Sending events." },
    { name: "streams", description: "Live streams (server-sent events)." },
    { name: "projects", description: "Projects and their webhook secrets." },
    { name: "keys", description: "API keys." },
    { name: "service", description: "Health and this document." },
  ];
  return [
    ...own,
    ...modules.all.map(({ definition }) => ({ name: definition.name, description: `Reads of the module ${definition.name}.` })),
  ];
}

function healthOperation(problems: Json): Json {
  const ok = { type: "object", required: ["status"], properties: { status: { type: "string", examples: ["ok"] } } };
  const content = { "application/json": { schema: ok } };
  return {
    operationId: OPERATION_ID.health,
    summary: "Whether every file can be read; details with a key",
    tags: ["service"],
    security: [],
    responses: { "200": { description: "All is well.", content }, "503": { description: "Something is not.", content }, ...problems },
  };
}

function documentOperation(problems: Json): Json {
  return {
    operationId: OPERATION_ID.document,
    summary: "This document",
    tags: ["service"],
    security: [],
    responses: { "200": { description: "OpenAPI 3.1.", content: { "application/json": { schema: { type: "object" } } } }, ...problems },
  };
}

function ticketOperation(problems: Json): Json {
  const ticket = {
    type: "object",
    required: ["ticket", "expiresAt"],
    properties: { ticket: { type: "string" }, expiresAt: { type: "string", format: "date-time" } },
  };
  return {
    operationId: OPERATION_ID.ticket,
    summary: "A one-time ticket for EventSource, which cannot send a key",
    tags: ["streams"],
    parameters: [
      {
        name: "topics",
        in: "query",
        required: false,
        description: "Names separated by commas; all that may be read when absent.",
        schema: { type: "string" },
      },
    ],
    responses: {
      "201": { description: "Valid for 30 seconds and one use.", content: { "application/json": { schema: ticket } } },
      ...problems,
    },
  };
}

function streamOperation(operationId: string, problems: Json): Json {
  const query = (name: string, description: string): Json => ({
    name,
    in: "query",
    required: false,
    description,
    schema: { type: "string" },
  });
  return {
    operationId,
    summary: "Events as they are stored",
    description:
      "Frames `id: <cursor>` and `data: {id, seq, type, ts, data}`. Goes on after `Last-Event-ID` or `after`; an event `reset` says that older ones are gone.",
    tags: ["streams"],
    parameters: [
      query("topics", "Names separated by commas; all that may be read when absent."),
      query("after", "Cursor to go on from."),
      query("ticket", "One-time ticket instead of a key."),
    ],
    responses: {
      "200": { description: "A stream of server-sent events.", content: { "text/event-stream": { schema: { type: "string" } } } },
      ...problems,
    },
  };
}
