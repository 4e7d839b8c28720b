// Data of a `webhook` event: one attempt to deliver a webhook, made elsewhere.
import { type Static, Type } from "@sinclair/typebox";
import { identifier, integer, number, stringMap, text } from "./fields.ts";

/** Source: wire protocol, "webhook". */
export const webhookSchema = Type.Object(
  {
    destination: identifier("Name of the endpoint."),
    attempt: integer("Number of the attempt, from 1."),
    url: Type.Optional(text("Where it was sent.")),
    statusCode: Type.Optional(
      Type.Union([Type.Integer(), Type.Null()], { description: "HTTP status; absent or null when there was no answer." }),
    ),
    durationMs: Type.Optional(number("Units: ms.")),
    error: Type.Optional(text("Why there was no answer.")),
    deliveryId: Type.Optional(text("Same for every attempt of one delivery.")),
    eventType: Type.Optional(text("What was delivered.")),
    nextAttemptAt: Type.Optional(text("RFC 3339.")),
    requestHeaders: Type.Optional(stringMap("Headers sent, without secrets.")),
    responseHeaders: Type.Optional(stringMap("Headers received.")),
    responseBody: Type.Optional(text("First part of the answer.")),
  },
  { title: "WebhookData", description: "One attempt to deliver a webhook." },
);

export type WebhookData = Static<typeof webhookSchema>;
