// The logs module: structured log records, newest first, by level, service, module, trace and time.
import { logSchema } from "@cuitty/wire-protocol/events/log";
import { LOG_LEVELS, type LogLevel, levelToSeverity } from "@cuitty/wire-protocol/severity";
import { Type } from "@sinclair/typebox";
import { defineModule } from "../../module.ts";
import { eventRows, textOrNull } from "../shared/event-rows.ts";
import { eventStream } from "../shared/event-stream.ts";
import { equals, type ListFilter, listEvents } from "../shared/list-events.ts";
import { checkModuleOptions, isDays, isDaysBy, isSwitch } from "../shared/module-options.ts";
import { equalLevel, minLevel } from "./level-conditions.ts";
import { migrations } from "./migrations.ts";
import { retentionRules } from "./retention.ts";
import { indexJob, indexPortion } from "./search-index.ts";
import { logSearch, searchOff } from "./search-page.ts";

export interface LogsOptions {
  /** Days a record is kept after it was received; `0` keeps for ever. @default 30 */
  readonly retentionDays?: number | undefined;
  /** Days for records of single levels, instead of `retentionDays`: `{ debug: 1, info: 7 }`. */
  readonly retentionDaysByLevel?: Partial<Record<LogLevel, number>> | undefined;
  /** Whether messages can be searched: `?q=timeout -retry service:api`. Costs about a third of the write rate. @default false */
  readonly search?: boolean | undefined;
}

const table = "logs_events";

/** The logs module. A name of its own, so that a declaration file can write the type of a kit that has it. */
export interface LogsModule extends ReturnType<typeof makeLogsModule> {}

/** Stores `log` events in `logs.db`; lists them at `/api/modules/logs/events`, streams them as topic `logs`. Errors: `unknown_option`, `invalid_option`. */
export function logs(options: LogsOptions = {}): LogsModule {
  return makeLogsModule(options);
}

function makeLogsModule(options: LogsOptions) {
  checkModuleOptions("logs", options, { retentionDays: isDays, retentionDaysByLevel: isDaysBy(LOG_LEVELS), search: isSwitch });
  const { retentionDays = 30, retentionDaysByLevel, search = false } = options;
  return defineModule({
    name: "logs",
    accepts: { log: logSchema },
    migrations,
    ingest: (events, context) => ({
      statements: [
        eventRows(events, context, {
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
        ...(search ? indexPortion : []),
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
        search: search ? logSearch : searchOff,
      }),
    ],
    streams: [eventStream({ topic: "logs", table, type: "log", index: "logs_events_seq" })],
    jobs: search ? [indexJob] : [],
    retention: retentionRules(retentionDays, retentionDaysByLevel),
  });
}

const levelFilter: ListFilter = {
  schema: Type.String({ minLength: 1, maxLength: 64, description: "Only records of exactly this level, as sent." }),
  toSql: equalLevel,
};

// Not a union of the names: a refusal of that does not tell them.
const minLevelFilter: ListFilter = {
  schema: Type.String({
    enum: LOG_LEVELS,
    maxLength: 64,
    description: "Only records at least this severe; levels of your own count as info.",
  }),
  toSql: (level) => minLevel("minLevel", level),
};
