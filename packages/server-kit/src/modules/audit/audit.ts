// The audit module: who did what to which resource, each entry chained to the one before it.
import { callProcedure } from "@cuitty/storage/module-file";
import { CuittyError } from "@cuitty/wire-protocol";
import { auditSchema } from "@cuitty/wire-protocol/events/audit";
import { Type } from "@sinclair/typebox";
import { defineModule } from "../../module.ts";
import { defineRoute } from "../../route.ts";
import { eventStream } from "../shared/event-stream.ts";
import { equals, listEvents } from "../shared/list-events.ts";
import { checkModuleOptions, isDays } from "../shared/module-options.ts";
import { rowToEvent, STORED_EVENT_COLUMNS, storedEventSchema } from "../shared/stored-event.ts";
import { appendEntries, toNewEntry } from "./append.ts";
import { migrations } from "./migrations.ts";
import { pruneEntries } from "./prune.ts";
import { chainReportSchema, verifyChain } from "./verify.ts";

export interface AuditOptions {
  /** Days an entry is kept after it was received; older ones are pruned from the beginning of the chain. `0` keeps for ever. @default 0 */
  readonly retentionDays?: number | undefined;
}

const table = "audit_events";

/** The audit module. A name of its own, so that a declaration file can write the type of a kit that has it. */
export interface AuditModule extends ReturnType<typeof makeAuditModule> {}

/** Stores `audit` events in `audit.db` as one hash chain a project; lists them at `/api/modules/audit/events`, streams them as topic `audit`. Errors: `unknown_option`, `invalid_option`. */
export function audit(options: AuditOptions = {}): AuditModule {
  return makeAuditModule(options);
}

function makeAuditModule(options: AuditOptions) {
  checkModuleOptions("audit", options, { retentionDays: isDays });
  const { retentionDays = 0 } = options;
  return defineModule({
    name: "audit",
    accepts: { audit: auditSchema },
    migrations,
    ingest: (events, { projectId, toJson }) => ({
      statements: [],
      interactive: callProcedure(appendEntries, { entries: events.map((event) => toNewEntry(event, toJson)), projectId }),
    }),
    routes: [
      listEvents({
        table,
        type: "audit",
        operationId: "listAuditEvents",
        summary: "Audit events, newest first",
        filters: {
          actor: equals("actor", "Only what this actor did."),
          action: equals("action", "Only this action."),
          resource: equals("resource", "Only what was done to this resource."),
        },
      }),
      readEntry,
      verify,
    ],
    streams: [eventStream({ topic: "audit", table, type: "audit", index: "audit_events_seq" })],
    retention: [{ table, column: "received_at", days: retentionDays, prune: pruneEntries }],
  });
}

const paramsSchema = Type.Object({ id: Type.String({ minLength: 1, maxLength: 128, description: "Event id." }) });

const entrySchema = Type.Composite(
  [
    storedEventSchema,
    Type.Object({
      prevHash: Type.String({ description: "Hash of the entry before it, hex; zeros for the first." }),
      hash: Type.String({ description: "Hash of this entry, hex." }),
    }),
  ],
  { title: "AuditEntry" },
);

/** So that a name in the URL that means nothing here is told, not passed over. */
const noQuery = Type.Object({}, { additionalProperties: false });

const hex = (value: unknown): string => Buffer.from(value as Uint8Array).toString("hex");

const readEntry = defineRoute({
  method: "GET",
  path: "/events/{id}",
  operationId: "getAuditEvent",
  summary: "One audit event with its hashes",
  action: "read",
  params: paramsSchema,
  query: noQuery,
  reply: entrySchema,
  handle: async ({ file, projectId, params }) => {
    const sql = `SELECT ${STORED_EVENT_COLUMNS}, prev_hash, hash FROM ${table} WHERE project_id = ? AND id = ?`;
    const [row] = await file.all(sql, [projectId, params.id]);
    if (row === undefined) throw new CuittyError("not_found", "no audit event with this id in this project");
    return { ...rowToEvent(row, "audit"), prevHash: hex(row[8]), hash: hex(row[9]) };
  },
});

const verify = defineRoute({
  method: "GET",
  path: "/verify",
  operationId: "verifyAuditChain",
  summary: "Whether the audit chain is intact, and if not, where it breaks",
  action: "read",
  query: noQuery,
  reply: chainReportSchema,
  handle: ({ file, projectId, signal }) => verifyChain(file, projectId, signal),
});
