// The logs module: structured log records, newest first, by level, service, module, trace and time.
import { logSchema } from "@cuitty/wire-protocol/events/log";
import { Type } from "@sinclair/typebox";
import { defineModule } from "../../module.ts";
import { eventRows, textOrNull } from "../shared/event-rows.ts";
import { eventStream } from "../shared/event-stream.ts";
import { equals, type ListFilter, listEvents } from "../shared/list-events.ts";
import { migrations } from "./migrations.ts";
import { levelToSeverity, SEVERITY, severityNames, warnSeverity } from "./severity.ts";

export interface LogsOptions {
  /** Days a record is kept after it was received; `0` keeps for ever. @default 30 */
  readonly retentionDays?: number;
}

const table = "logs_events";

/** Stores `log` events in `logs.db`; lists them at `/api/modules/logs/events`, streams them as topic `logs`. */
export function logs({ retentionDays = 30 }: LogsOptions = {}) {
  return defineModule({
    name: "logs",
    accepts: { log: logSchema },
    migrations,
    ingest: (events, { projectId }) => ({
      statements: [
        eventRows(events, projectId, {
          table,
          columns: ["level", "severity", "service", "module", "trace_id"],
          valuesOf: (data) => [
            textOrNull(data.level),
            levelToSeverity(String(data.level)),
            textOrNull(data.service),
            textOrNull(data.module),
            textOrNull(data.traceId),
          ],
        }),
      ],
    }),
    routes: [
      listEvents({
        table,
        type: "log",
        operationId: "searchLogs",
        summary: "Log records, newest first",
        filters: {
          level: levelFilter,
          minLevel: minLevelFilter,
          service: equals("service", "Only records of this service."),
          module: equals("module", "Only records of this module."),
          traceId: equals("trace_id", "Only records of this trace."),
        },
      }),
    ],
    streams: [eventStream({ topic: "logs", table, type: "log", index: "logs_events_seq" })],
    retention: [{ table, column: "received_at", days: retentionDays }],
  });
}

// The literal lets SQLite use the partial index of warnings and worse, which is short however many records there are.
const warningsOnly = (severity: number): string => (severity >= warnSeverity ? `severity >= ${warnSeverity} AND ` : "");

const levelFilter: ListFilter = {
  schema: Type.String({ minLength: 1, maxLength: 64, description: "Only records of exactly this level, as sent." }),
  toSql: (value) => ({ sql: `${warningsOnly(levelToSeverity(value))}level = ?`, params: [value] }),
};

const minLevelFilter: ListFilter = {
  schema: Type.Union(
    severityNames.map((name) => Type.Literal(name)),
    { description: "Only records at least this severe; levels of your own count as info." },
  ),
  toSql: (value) => {
    const severity = SEVERITY[value as keyof typeof SEVERITY];
    return { sql: `${warningsOnly(severity)}severity >= ?`, params: [severity] };
  },
};
