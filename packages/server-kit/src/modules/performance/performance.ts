// The performance module: process metrics, one a row or a snapshot of many.
import { performanceSchema } from "@cuitty/wire-protocol/events/performance";
import { Type } from "@sinclair/typebox";
import { defineModule } from "../../module.ts";
import { eventRows, numberOrNull, textOrNull } from "../shared/event-rows.ts";
import { eventStream } from "../shared/event-stream.ts";
import { equals, type ListFilter, listEvents } from "../shared/list-events.ts";
import { checkModuleOptions, isDays } from "../shared/module-options.ts";
import { migrations } from "./migrations.ts";

export interface PerformanceOptions {
  /** Days a measurement is kept after it was received; `0` keeps for ever. @default 30 */
  readonly retentionDays?: number | undefined;
}

const table = "performance_events";

/** The performance module. A name of its own, so that a declaration file can write the type of a kit that has it. */
export interface PerformanceModule extends ReturnType<typeof makePerformanceModule> {}

/** Stores `performance` events in `performance.db`; lists them at `/api/modules/performance/events`, streams them as topic `performance`. Errors: `unknown_option`, `invalid_option`. */
export function performance(options: PerformanceOptions = {}): PerformanceModule {
  return makePerformanceModule(options);
}

function makePerformanceModule(options: PerformanceOptions) {
  checkModuleOptions("performance", options, { retentionDays: isDays });
  const { retentionDays = 30 } = options;
  return defineModule({
    name: "performance",
    accepts: { performance: performanceSchema },
    migrations,
    ingest: (events, context) => ({
      statements: [
        eventRows(events, context, {
          table,
          columns: ["service", "process", "metric", "value", "unit"],
          valuesOf: (data) => [
            String(data.service),
            textOrNull(data.process),
            textOrNull(data.metric),
            numberOrNull(data.value),
            textOrNull(data.unit),
          ],
        }),
      ],
    }),
    routes: [
      listEvents({
        table,
        type: "performance",
        operationId: "listMeasurements",
        summary: "Measurements, newest first",
        filters: {
          service: equals("service", "Only measurements of this service."),
          process: equals("process", "Only measurements of this process."),
          metric: metricFilter,
        },
      }),
    ],
    streams: [eventStream({ topic: "performance", table, type: "performance", index: "performance_events_seq" })],
    retention: [{ table, column: "received_at", days: retentionDays }],
  });
}

const metricFilter: ListFilter = {
  schema: Type.String({ minLength: 1, maxLength: 256, description: "Only measurements of this metric, alone or in a snapshot." }),
  toSql: (value) => ({
    // json_each compares the name as a value: a path built from it would have to be escaped.
    sql: "(metric = ? OR EXISTS (SELECT 1 FROM json_each(iif(json_valid(data), data, '{}'), '$.metrics') AS m WHERE m.key = ?))",
    params: [value, value],
  }),
};
