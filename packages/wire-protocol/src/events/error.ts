// Data of an `error` event: one exception.
import { type Static, Type } from "@sinclair/typebox";
import { identifier, listOf, openObject, stringMap, text, traceContext } from "./fields.ts";

/** Source: wire protocol, "error"; module page "Errors". */
export const errorSchema = Type.Object(
  {
    name: identifier("Class of the exception."),
    message: text("Its message."),
    release: Type.Optional(text("Release that threw it.")),
    environment: Type.Optional(text("Such as `production`.")),
    service: Type.Optional(text("Program that threw it.")),
    stack: Type.Optional(text("Stack trace as text.")),
    frames: Type.Optional(listOf(openObject("One frame."), "Stack frames, oldest first.")),
    fingerprint: Type.Optional(
      Type.Union([Type.String(), Type.Array(Type.String())], { description: "Explicit grouping; wins over the computed one." }),
    ),
    level: Type.Optional(text("error (the default), warning or fatal.")),
    handled: Type.Optional(Type.Boolean({ description: "Whether the program caught it." })),
    code: Type.Optional(Type.Union([Type.String(), Type.Number()], { description: "Code of the error." })),
    cause: Type.Optional(Type.Unknown({ description: "What caused it." })),
    request: Type.Optional(openObject("Request being served: method, url, route.")),
    user: Type.Optional(openObject("Who met it.")),
    context: Type.Optional(openObject("Anything else worth keeping.")),
    tags: Type.Optional(stringMap("Labels.")),
    ...traceContext,
  },
  { title: "ErrorData", description: "One exception." },
);

export type ErrorData = Static<typeof errorSchema>;
