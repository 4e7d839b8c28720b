// A page of search results, newest received first, with a bound on what one request may walk through.
import { CuittyError } from "@cuitty/wire-protocol";
import type { RouteContext } from "../../route.ts";
import { parseCursor, positionToCursor } from "../shared/list-cursor.ts";
import type { EventPage, ListSearch, PageRequest } from "../shared/list-events.ts";
import { rowToEvent, STORED_EVENT_COLUMNS } from "../shared/stored-event.ts";
import { indexTail } from "./search-index.ts";
import { parseSearch, searchHelp } from "./search-query.ts";

/** Matches looked at for one page: a common word with a rare condition is walked in several pages, not in one long one. */
const windowRows = 20_000;

export const logSearch: ListSearch = {
  description: searchHelp,
  page: searchPage,
};

/** A list of all records would be the answer to another question. */
export const searchOff: ListSearch = {
  description: "Refused: this server keeps no index of its log messages.",
  async page() {
    throw new CuittyError("invalid_request", "q: search is off on this server; logs({ search: true }) turns it on");
  },
};

/** **Errors**: `invalid_cursor`, `invalid_request`. */
async function searchPage(
  context: RouteContext<unknown, unknown, unknown>,
  request: PageRequest & { readonly q: string },
): Promise<EventPage> {
  const { projectId, file, nowMs } = context;
  await indexTail(file, { projectId, nowMs });
  const scope = { table: "logs_search", projectId };
  const before = request.cursor === null ? Number.MAX_SAFE_INTEGER : parseCursor(request.cursor, scope).seq;
  const { match, conditions: typed } = parseSearch(request.q, { projectId, nowMs });
  const conditions = [{ sql: "e.project_id = ?", params: [projectId] }, ...typed, ...request.conditions];
  const hits = "SELECT rowid AS hit FROM logs_search WHERE logs_search MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?";
  const rows = await file.all(
    // CROSS JOIN keeps the order: the matches are walked from the newest, and the walk ends with the page.
    `SELECT ${STORED_EVENT_COLUMNS} FROM (${hits}) CROSS JOIN logs_events AS e ON e.seq = hit
     WHERE ${conditions.map(({ sql }) => sql).join(" AND ")} ORDER BY hit DESC LIMIT ?`,
    [match, before, windowRows, ...conditions.flatMap(({ params }) => params), request.limit + 1],
  );
  const events = rows.slice(0, request.limit).map((row) => rowToEvent(row, "log"));
  if (rows.length > request.limit) return { events, nextCursor: positionToCursor({ tsMs: 0, seq: events.at(-1)?.seq ?? 0 }, scope) };
  // Fewer than asked for: the end, or the end of what this page may look at.
  const [end] = await file.all(`SELECT min(hit), count(*) FROM (${hits})`, [match, before, windowRows]);
  const isWindowFull = Number(end?.[1]) === windowRows;
  return { events, nextCursor: isWindowFull ? positionToCursor({ tsMs: 0, seq: Number(end?.[0]) }, scope) : null };
}
