// Data of an `audit` event: who did what to which resource.
import { type Static, Type } from "@sinclair/typebox";
import { identifier, integer, number, openObject, text, traceContext } from "./fields.ts";

/** Source: wire protocol, "audit". */
export const auditSchema = Type.Object(
  {
    actor: identifier("Who acted: a user id, an e-mail address, a service name."),
    action: identifier("Verb such as `secret.rotate`, or `POST /notes`."),
    resource: text("What was acted on."),
    method: Type.Optional(text("HTTP method.")),
    path: Type.Optional(text("Path without query.")),
    statusCode: Type.Optional(integer("HTTP status.")),
    duration: Type.Optional(number("Units: ms.")),
    ip: Type.Optional(text("Address of the client.")),
    userAgent: Type.Optional(text("User-Agent of the client.")),
    metadata: Type.Optional(openObject("Anything else worth keeping.")),
    actorId: Type.Optional(text("Stable id of the actor, where `actor` is a name or address.")),
    resourceType: Type.Optional(text("Kind of the resource.")),
    resourceId: Type.Optional(text("Id of the resource.")),
    before: Type.Optional(Type.Unknown({ description: "The resource before the change." })),
    after: Type.Optional(Type.Unknown({ description: "The resource after the change." })),
    requestId: Type.Optional(text("Id of the request.")),
    ...traceContext,
  },
  { title: "AuditData", description: "Who did what to which resource." },
);

export type AuditData = Static<typeof auditSchema>;
