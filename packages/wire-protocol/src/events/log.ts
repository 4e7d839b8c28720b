// Data of a `log` event: one structured log record.
import { type Static, Type } from "@sinclair/typebox";
import { identifier, openObject, text, traceContext } from "./fields.ts";

/** Source: wire protocol, "log"; module page "Logs" for `service`. */
export const logSchema = Type.Object(
  {
    level: identifier("Severity name: trace, debug, info, warn, error, fatal, or your own."),
    message: text("The line."),
    module: Type.Optional(text("Part of the program that wrote it.")),
    service: Type.Optional(text("Program that wrote it.")),
    fields: Type.Optional(openObject("Structured fields of the record.")),
    logger: Type.Optional(text("Name of the logger.")),
    host: Type.Optional(text("Machine that wrote it.")),
    ...traceContext,
  },
  { title: "LogData", description: "One structured log record." },
);

export type LogData = Static<typeof logSchema>;
