// The ingest operation: the union of the enabled event types, headers, and every answer.
import { HEADER } from "@cuitty/wire-protocol";
import { replySchema } from "@cuitty/wire-protocol/envelope";
import type { TSchema } from "@sinclair/typebox";
import type { CuittyModule } from "../module.ts";
import type { Components } from "./components.ts";
import { OPERATION_ID } from "./operation-ids.ts";

type Json = Readonly<Record<string, unknown>>;

const header = (name: string, description: string): Json => ({
  name,
  in: "header",
  required: false,
  description,
  schema: { type: "string" },
});

/** `AuditEvent` for `audit`. */
function nameOf(type: string): string {
  return type.replace(/(^|_)([a-z0-9])/g, (_match, _separator, letter: string) => letter.toUpperCase());
}

function eventSchema(type: string, data: TSchema, components: Components): Json {
  return components.add(`${nameOf(type)}Event`, {
    type: "object",
    required: ["type", "ts", "data"],
    properties: {
      type: { const: type },
      ts: { type: "string", format: "date-time", description: "RFC 3339, any offset; stored in UTC." },
      data: components.add(`${nameOf(type)}Data`, components.place(data)),
      id: { type: "string", format: "uuid", description: "UUIDv7. An event sent again under the same id is stored once." },
    },
  });
}

/** What `POST /api/ingest` takes and answers, for the modules of this kit. */
export function ingestOperation(modules: readonly Pick<CuittyModule, "accepts">[], components: Components, problems: Json): Json {
  const types = modules.flatMap(({ accepts }) => Object.entries(accepts));
  const events = types.map(([type, schema]) => eventSchema(type, schema, components));
  const mapping = Object.fromEntries(types.map(([type], index) => [type, (events[index] as { $ref: string }).$ref]));
  const event = events.length === 0 ? { type: "object" } : { oneOf: events, discriminator: { propertyName: "type", mapping } };
  const envelope = components.add("IngestEnvelope", {
    type: "object",
    required: ["events"],
    properties: { events: { type: "array", items: components.add("Event", event) } },
  });
  return {
    operationId: OPERATION_ID.ingest,
    summary: "Send a batch of events",
    description:
      "Events are checked one by one: a bad one does not fail its neighbours. What is accepted is on disk when the answer is sent.",
    tags: ["ingest"],
    security: [{ bearer: [] }],
    parameters: [
      header(
        HEADER.signature,
        "hex(hmac_sha256(webhook secret, body)) over the exact bytes sent, or t=…,k=…,v1=… which covers time and idempotency key too.",
      ),
      header(HEADER.idempotencyKey, "A UUID. The same batch sent again under it within 24 hours gets the first reply."),
      header(HEADER.projectId, "May name the key's own project; any other is refused."),
    ],
    requestBody: { required: true, content: { "application/json": { schema: envelope } } },
    responses: {
      "200": {
        description: "Processed and on disk. Never to be sent again.",
        content: { "application/json": { schema: components.add("IngestReply", components.place(replySchema)) } },
      },
      ...problems,
    },
  };
}
