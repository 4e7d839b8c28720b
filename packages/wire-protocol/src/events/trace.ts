// Data of a `trace` event: one finished span.
import { type Static, Type } from "@sinclair/typebox";
import { identifier, listOf, number, openObject, text } from "./fields.ts";

/** `ts` is the start of the span unless `startTime` says otherwise. Source: wire protocol, "trace"; module page "Traces". */
export const traceSchema = Type.Object(
  {
    traceId: identifier("Trace; 32 hex digits from OpenTelemetry, any string otherwise."),
    spanId: identifier("Span; 16 hex digits from OpenTelemetry, any string otherwise."),
    serviceName: identifier("Service that did the work."),
    name: identifier("Operation."),
    durationMs: number("Units: ms."),
    parentSpanId: Type.Optional(text("Span that caused this one; absent or empty for a root.")),
    kind: Type.Optional(
      Type.Union([Type.String(), Type.Integer()], { description: "internal, server, client, producer, consumer, or the OTLP number." }),
    ),
    startTime: Type.Optional(text("RFC 3339.")),
    endTime: Type.Optional(text("RFC 3339.")),
    startTimeUnixNano: Type.Optional(text("Decimal nanoseconds, as OTLP sends them.")),
    endTimeUnixNano: Type.Optional(text("Decimal nanoseconds, as OTLP sends them.")),
    status: Type.Optional(text("unset, ok or error.")),
    statusMessage: Type.Optional(text("What went wrong.")),
    attributes: Type.Optional(openObject("Attributes of the span.")),
    resourceAttributes: Type.Optional(openObject("Attributes of the service.")),
    events: Type.Optional(listOf(openObject("One event."), "Events within the span.")),
    links: Type.Optional(listOf(openObject("One link."), "Links to other spans.")),
    scope: Type.Optional(text("Instrumentation scope.")),
    traceState: Type.Optional(text("W3C tracestate.")),
  },
  { title: "TraceData", description: "One finished span." },
);

export type TraceData = Static<typeof traceSchema>;
