// Data of a `performance` event: one metric, or a snapshot of many at one time.
import { type Static, Type } from "@sinclair/typebox";
import { identifier, integer, number, numberMap, stringMap, text } from "./fields.ts";

const service = identifier("Program that was measured.");
const metric = identifier("Name such as `p99_latency`.");
const value = number("The measurement.");
const metrics = numberMap("Name to measurement; one event for a whole snapshot.");

const details = {
  unit: Type.Optional(text("Unit of `value`, such as `ms`.")),
  units: Type.Optional(stringMap("Name to unit, for `metrics`.")),
  process: Type.Optional(text("Which process of the service.")),
  pid: Type.Optional(integer("Process id.")),
  host: Type.Optional(text("Machine.")),
  intervalMs: Type.Optional(number("Time the measurement covers. Units: ms.")),
  environment: Type.Optional(text("Such as `production`.")),
  version: Type.Optional(text("Version of the program.")),
  tags: Type.Optional(stringMap("Labels.")),
};

/** Either `metric` and `value`, or `metrics`. Source: wire protocol, "performance". */
export const performanceSchema = Type.Union(
  [
    Type.Object({ service, metric, value, ...details, metrics: Type.Optional(metrics) }, { title: "PerformanceMetric" }),
    Type.Object(
      { service, metrics, ...details, metric: Type.Optional(metric), value: Type.Optional(value) },
      { title: "PerformanceSnapshot" },
    ),
  ],
  { title: "PerformanceData", description: "One metric, or a snapshot of many at one time." },
);

export type PerformanceData = Static<typeof performanceSchema>;
