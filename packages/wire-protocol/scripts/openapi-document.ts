// The OpenAPI 3.1 document of the wire protocol, built from the schemas so that it cannot drift from them.

import { replySchema } from "@cuitty/wire-protocol/envelope";
import { ERROR_CODES } from "@cuitty/wire-protocol/error-codes";
import { EVENT_TYPES, type EventType } from "@cuitty/wire-protocol/event";
import { EVENT_SCHEMAS } from "@cuitty/wire-protocol/events";
import { HEADER } from "@cuitty/wire-protocol/headers";
import { LIMITS } from "@cuitty/wire-protocol/limits";
import { PROBLEM_CONTENT_TYPE } from "@cuitty/wire-protocol/problem";
import { WIRE_STATUSES } from "@cuitty/wire-protocol/status";
import { stringify } from "yaml";

type Json = Record<string, unknown>;

const exampleAudit = {
  type: "audit",
  ts: "2026-04-27T12:34:56Z",
  data: { actor: "alice@example.com", action: "secret.rotate", resource: "stripe.live_key" },
};

/** The document as YAML text, the same for the same schemas. */
export function openapiYaml(): string {
  // The round trip drops TypeBox's symbols and undefined members.
  const document = JSON.parse(JSON.stringify(openapiDocument())) as Json;
  const header = "# Generated from src/ by scripts/generate-openapi.ts; change the schemas, not this file.\n";
  return header + stringify(document, { aliasDuplicateObjects: false, lineWidth: 120 });
}

function openapiDocument(): Json {
  return {
    openapi: "3.1.0",
    info: {
      title: "Cuitty wire protocol",
      version: "1.0.0",
      summary: "How data enters Cuitty: signed batches of typed events.",
      description:
        "Everything that sends to Cuitty is a wrapper over one endpoint. If you can sign a JSON document and POST it, you can integrate Cuitty.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [
      {
        url: "{portalUrl}",
        description: "Base URL of your portal.",
        variables: { portalUrl: { default: "http://localhost:7700", description: "A local install unless you say otherwise." } },
      },
    ],
    tags: [
      { name: "ingest", description: "Sending events." },
      { name: "health", description: "Whether the portal works." },
    ],
    paths: { "/api/ingest": { post: ingestOperation() }, "/api/health": { get: healthOperation() } },
    components: {
      securitySchemes: {
        apiKey: { type: "http", scheme: "bearer", bearerFormat: "cuitty_sk_...", description: "The key identifies the project." },
      },
      parameters: headerParameters(),
      headers: responseHeaders(),
      schemas: componentSchemas(),
      responses: problemResponses(),
    },
  };
}

function ingestOperation(): Json {
  const responses: Json = { 200: ingestSuccess() };
  for (const { status } of WIRE_STATUSES) if (status !== 200) responses[status] = { $ref: `#/components/responses/Status${status}` };
  return {
    operationId: "ingestEvents",
    tags: ["ingest"],
    summary: "Send a batch of events",
    description:
      `At most ${LIMITS.batchEvents} events and ${LIMITS.batchBytes} bytes a batch, ${LIMITS.eventBytes} bytes an event, ${LIMITS.jsonDepth} levels of nesting. ` +
      "Each event is accepted or rejected by itself. 200 means that everything accepted is on disk: never send it again.",
    security: [{ apiKey: [] }],
    parameters: Object.keys(headerParameters()).map((name) => ({ $ref: `#/components/parameters/${name}` })),
    requestBody: {
      required: true,
      content: {
        "application/json": {
          schema: { $ref: "#/components/schemas/IngestEnvelope" },
          examples: { audit: { summary: "One audit event", value: { events: [exampleAudit] } } },
        },
      },
    },
    responses,
  };
}

function ingestSuccess(): Json {
  return {
    description: meaningOf(200),
    headers: {
      [HEADER.replayed]: { $ref: "#/components/headers/IdempotencyReplayed" },
      "RateLimit-Policy": { $ref: "#/components/headers/RateLimitPolicy" },
      RateLimit: { $ref: "#/components/headers/RateLimit" },
    },
    content: {
      "application/json": {
        schema: { $ref: "#/components/schemas/IngestReply" },
        examples: {
          all: { summary: "Everything accepted", value: { accepted: 1, rejected: [] } },
          some: {
            summary: "One event rejected",
            value: { accepted: 2, rejected: [{ index: 1, reason: "data.actor: required", code: "required" }] },
          },
        },
      },
    },
  };
}

function healthOperation(): Json {
  const health = { "application/json": { schema: { $ref: "#/components/schemas/Health" } } };
  return {
    operationId: "getHealth",
    tags: ["health"],
    summary: "Whether the portal can take events",
    description: "Public. With a key that may read, the answer can have further members.",
    security: [],
    responses: {
      200: { description: "The portal works.", content: health },
      503: { description: "It does not, or is shutting down.", content: health },
    },
  };
}

function headerParameters(): Json {
  const parameter = (name: string, description: string, schema: Json): Json => ({
    name,
    in: "header",
    required: false,
    description,
    schema,
  });
  const key = {
    type: "string",
    minLength: LIMITS.idempotencyKeyMinChars,
    maxLength: LIMITS.idempotencyKeyMaxChars,
    pattern: "^[\\x21-\\x7e]+$",
  };
  return {
    Signature: parameter(
      HEADER.signature,
      "hex(hmac_sha256(webhook_secret, body)) in lower case, without a prefix, over the exact bytes sent; or `t=<unix s>,k=<secret id>,v1=<hex>`, " +
        `where v1 signs "v1\\n<t>\\n<idempotency key>\\n" and the bytes, and t is within ${LIMITS.signatureWindowSeconds} s. Required unless the project says otherwise.`,
      { type: "string", pattern: "^([0-9a-f]{64}|t=[0-9]{1,12},k=[A-Za-z0-9_.-]{1,64},v1=[0-9a-f]{64})$" },
    ),
    IdempotencyKey: parameter(
      HEADER.idempotencyKey,
      "A UUID. Repeated POSTs with the same key are deduplicated for 24 h and get the first answer. `X-Idempotency-Key` and `Idempotency-Key` mean the same.",
      key,
    ),
    ProjectId: parameter(HEADER.projectId, "The project, as a check; the key decides.", { type: "string" }),
    SentAt: parameter(HEADER.sentAt, "The sender's clock at the moment of sending, RFC 3339.", { type: "string", format: "date-time" }),
    Sdk: parameter(HEADER.sdk, "Name and version of the client, such as `@cuitty/sdk/0.1.0`.", { type: "string" }),
  };
}

function responseHeaders(): Json {
  return {
    IdempotencyReplayed: {
      description: "`true` when the answer is that of an earlier request with the same key.",
      schema: { type: "string", const: "true" },
    },
    RateLimitPolicy: { description: "Limits that apply (IETF RateLimit fields).", schema: { type: "string" } },
    RateLimit: { description: "What is left of them.", schema: { type: "string" } },
    RetryAfter: { description: "Units: s. Wins over every other hint.", schema: { type: "integer", minimum: 0 } },
    RequestId: { description: "Id of the request, also `instance` of a problem.", schema: { type: "string" } },
  };
}

function componentSchemas(): Json {
  const schemas: Json = {
    IngestEnvelope: {
      type: "object",
      title: "IngestEnvelope",
      description: "A batch of events, in the order in which they happened.",
      required: ["events"],
      properties: { events: { type: "array", maxItems: LIMITS.batchEvents, items: { $ref: "#/components/schemas/Event" } } },
    },
    Event: {
      title: "Event",
      description: "One event. Unknown fields of `data` are kept.",
      oneOf: EVENT_TYPES.map((type) => ({ $ref: `#/components/schemas/${nameOf(type)}Event` })),
      discriminator: {
        propertyName: "type",
        mapping: Object.fromEntries(EVENT_TYPES.map((type) => [type, `#/components/schemas/${nameOf(type)}Event`])),
      },
    },
    IngestReply: replySchema,
    Health: {
      type: "object",
      title: "Health",
      required: ["status"],
      properties: { status: { type: "string", description: "`ok`, or what is wrong." } },
    },
    Problem: problemSchema(),
  };
  for (const type of EVENT_TYPES) {
    schemas[`${nameOf(type)}Event`] = eventSchema(type);
    schemas[`${nameOf(type)}Data`] = EVENT_SCHEMAS[type];
  }
  return schemas;
}

function eventSchema(type: EventType): Json {
  return {
    type: "object",
    title: `${nameOf(type)}Event`,
    required: ["type", "ts", "data"],
    properties: {
      type: { const: type },
      ts: { type: "string", format: "date-time", description: "RFC 3339 with any offset; stored in UTC with milliseconds." },
      data: { $ref: `#/components/schemas/${nameOf(type)}Data` },
      id: {
        type: "string",
        format: "uuid",
        description: "UUIDv7, unique in the project: an event sent again under the same id is stored once.",
      },
    },
  };
}

function problemSchema(): Json {
  return {
    type: "object",
    title: "Problem",
    description: "RFC 9457 problem details. Unknown members are to be ignored.",
    required: ["type", "title", "status", "detail", "code", "retryable"],
    properties: {
      type: { type: "string", format: "uri", description: "Stands for the code." },
      title: { type: "string" },
      status: { type: "integer" },
      detail: { type: "string", description: "What happened and what to do about it." },
      code: { type: "string", description: `Stable: ${Object.keys(ERROR_CODES).join(", ")}. Others may be added.` },
      retryable: { type: "boolean", description: "Whether the same request may succeed later." },
      instance: { type: "string", description: "Id of the request." },
      errors: {
        type: "array",
        items: { type: "object", required: ["path", "reason"], properties: { path: { type: "string" }, reason: { type: "string" } } },
      },
    },
  };
}

function problemResponses(): Json {
  const responses: Json = {};
  for (const { status, meaning, retry } of WIRE_STATUSES) {
    if (status === 200) continue;
    const codes = Object.entries(ERROR_CODES).filter(([, entry]) => entry.status === status);
    const headers = { [HEADER.requestId]: { $ref: "#/components/headers/RequestId" } };
    const retryAfter = { "Retry-After": { $ref: "#/components/headers/RetryAfter" } };
    responses[`Status${status}`] = {
      description: `${meaning} Codes: ${codes.map(([code]) => code).join(", ")}.`,
      headers: retry || status === 409 ? { ...headers, ...retryAfter } : headers,
      content: { [PROBLEM_CONTENT_TYPE]: { schema: { $ref: "#/components/schemas/Problem" } } },
    };
  }
  return responses;
}

function meaningOf(status: number): string {
  return WIRE_STATUSES.find((entry) => entry.status === status)?.meaning ?? "";
}

/** `feature_flag` → `FeatureFlag`. */
function nameOf(type: EventType): string {
  return type
    .split("_")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}
