// The list route of an event table: newest first, filtered, in pages that stay stable while rows are being written.
import type { SqlValue } from "@cuitty/storage/module-file";
import { CuittyError } from "@cuitty/wire-protocol";
import { parseTimestamp } from "@cuitty/wire-protocol/timestamp";
import { type TProperties, type TSchema, type TUnsafe, Type } from "@sinclair/typebox";
import { defineRoute, type RouteContext } from "../../route.ts";
import { type ListPosition, type ListScope, parseCursor, positionToCursor } from "./list-cursor.ts";
import { rowToEvent, STORED_EVENT_COLUMNS, type StoredEvent, storedEventSchema } from "./stored-event.ts";

/** A condition on rows; ` AND ` goes in between. */
export interface SqlCondition {
  readonly sql: string;
  readonly params: readonly SqlValue[];
}

/** A query parameter and the condition it stands for. */
export interface ListFilter {
  readonly schema: TSchema;
  toSql(value: string): SqlCondition;
}

export interface ListEventsOptions<Id extends string = string, Name extends string = string> {
  readonly table: string;
  /** The wire type of the rows. */
  readonly type: string;
  readonly operationId: Id;
  readonly summary: string;
  readonly filters: Readonly<Record<Name, ListFilter>>;
  /** What `q` does. @default there is no `q` */
  readonly search?: ListSearch | undefined;
}

export interface ListSearch {
  /** What `q` may be. */
  readonly description: string;
  /** Answers requests with `q`, in an order of its own. */
  page(context: RouteContext<unknown, unknown, unknown>, request: PageRequest & { readonly q: string }): Promise<EventPage>;
}

export interface EventPage {
  readonly events: StoredEvent[];
  readonly nextCursor: string | null;
}

export interface PageRequest {
  readonly limit: number;
  readonly conditions: readonly SqlCondition[];
  readonly cursor: string | null;
}

/** Query of a list route, as direct calls give it. */
export type ListQuery<Name extends string> = { readonly limit?: number; readonly cursor?: string } & {
  readonly [N in Name | "since" | "until" | "q"]?: string;
};

const maxLimit = 500;
const defaultLimit = 50;

/** The filter for a column that equals the parameter. */
export function equals(column: string, description: string): ListFilter {
  return {
    schema: Type.String({ minLength: 1, maxLength: 1024, description }),
    toSql: (value) => ({ sql: `${column} = ?`, params: [value] }),
  };
}

const timeFilter = (name: string, sql: string, description: string): ListFilter => ({
  schema: Type.String({ maxLength: 64, description }),
  toSql: (value) => ({ sql, params: [parseTime(name, value)] }),
});

const beforeTime = "ts_ms < ?";
const timeFilters = {
  since: timeFilter("since", "ts_ms >= ?", "Only events at or after this time: RFC 3339, or Unix ms."),
  until: timeFilter("until", beforeTime, "Only events before this time: RFC 3339, or Unix ms."),
};

const replySchema = Type.Object({
  events: Type.Array(storedEventSchema),
  nextCursor: Type.Union([Type.String(), Type.Null()], { description: "For the next page; null on the last one." }),
});

/** `GET /events`: `{ events, nextCursor }`, newest `ts` first. Errors: `invalid_cursor`, `invalid_request`. */
export function listEvents<const Id extends string, Name extends string>(options: ListEventsOptions<Id, Name>) {
  const filters: Readonly<Record<string, ListFilter>> = { ...options.filters, ...timeFilters };
  return defineRoute({
    method: "GET",
    path: "/events",
    operationId: options.operationId,
    summary: options.summary,
    action: "read",
    query: querySchema(filters, options.search) as unknown as TUnsafe<ListQuery<Name>>,
    reply: replySchema,
    handle: async (context) => {
      const query = (context.query ?? {}) as Readonly<Record<string, string | number | undefined>>;
      const limit = Math.min(Number(query.limit ?? defaultLimit), maxLimit);
      const conditions = conditionsOf(filters, query);
      const request = { limit, conditions, cursor: query.cursor === undefined ? null : String(query.cursor) };
      if (query.q === undefined || options.search === undefined) return listPage(options, context, request);
      return options.search.page(context, { ...request, q: String(query.q) });
    },
  });
}

async function listPage(options: ListEventsOptions, context: RouteContext<unknown, unknown, unknown>, request: PageRequest) {
  const { table, type } = options;
  const { projectId, file } = context;
  const scope = { table, projectId };
  const wanted = request.cursor === null ? request.conditions : behind(parseCursor(request.cursor, scope), request.conditions);
  const conditions: SqlCondition[] = [{ sql: "project_id = ?", params: [projectId] }, ...wanted];
  const rows = await file.all(
    `SELECT ${STORED_EVENT_COLUMNS} FROM ${table} WHERE ${conditions.map(({ sql }) => sql).join(" AND ")} ORDER BY ts_ms DESC, seq DESC LIMIT ?`,
    // One row more than asked for tells whether there is a next page without counting.
    [...conditions.flatMap(({ params }) => params), request.limit + 1],
  );
  const page = rows.slice(0, request.limit);
  const last = page.at(-1);
  const hasMore = rows.length > request.limit && last !== undefined;
  return {
    events: page.map((row) => rowToEvent(row, type)),
    nextCursor: hasMore ? cursorAfter({ tsMs: Number(last[7]), seq: Number(last[1]) }, scope) : null,
  };
}

/** Numbers that no event has come from a changed file: pages go on behind the great ones, and end with the small ones. */
function cursorAfter({ tsMs, seq }: ListPosition, scope: ListScope): string | null {
  if (Math.min(tsMs, seq) < Number.MIN_SAFE_INTEGER) return null;
  const most = Number.MAX_SAFE_INTEGER;
  return positionToCursor({ tsMs: Math.min(tsMs, most), seq: Math.min(seq, most) }, scope);
}

/**
 * What comes behind a cursor, by a row value comparison: SQLite turns it into one range on an index that ends in (ts_ms, seq).
 * A second upper end would be the one it searches for, and it would step over all rows between the two; the nearer one implies the other.
 */
function behind({ tsMs, seq }: ListPosition, conditions: readonly SqlCondition[]): readonly SqlCondition[] {
  const end = conditions.find(({ sql }) => sql === beforeTime);
  if (end !== undefined && Number(end.params[0]) <= tsMs) return conditions;
  return [...conditions.filter((condition) => condition !== end), { sql: "(ts_ms, seq) < (?, ?)", params: [tsMs, seq] }];
}

function conditionsOf(
  filters: Readonly<Record<string, ListFilter>>,
  query: Readonly<Record<string, string | number | undefined>>,
): SqlCondition[] {
  return Object.entries(filters).flatMap(([name, filter]) => {
    const value = query[name];
    return value === undefined ? [] : [filter.toSql(String(value))];
  });
}

function querySchema(filters: Readonly<Record<string, ListFilter>>, search: ListSearch | undefined): TSchema {
  const properties: TProperties = {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: maxLimit, default: defaultLimit, description: "Events a page." })),
    cursor: Type.Optional(Type.String({ maxLength: 128, description: "`nextCursor` of the page before." })),
  };
  for (const [name, filter] of Object.entries(filters)) properties[name] = Type.Optional(filter.schema);
  if (search !== undefined) properties.q = Type.Optional(Type.String({ maxLength: 1_024, description: search.description }));
  return Type.Object(properties, { additionalProperties: false });
}

function parseTime(name: string, value: string): number {
  const atMs = /^\d{1,15}$/.test(value) ? Number(value) : parseTimestamp(value)?.tsMs;
  if (atMs === undefined) {
    throw new CuittyError("invalid_request", `${name}: expected an RFC 3339 time such as 2026-04-27T12:34:56Z, or Unix milliseconds`);
  }
  return atMs;
}
