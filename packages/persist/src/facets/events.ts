// Append-only logs under a name, and the store's own notices.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Emitter, NoticeType, StoreNotices } from "../core/emitter.ts";
import { toJson } from "../core/json.ts";
import { checkKey } from "../core/paths.ts";
import type { StoredRow } from "../core/row.ts";
import type { RowChange, Rows } from "../core/rows.ts";
import { checkFunction, checkListing, checkOptionsObject } from "./check.ts";
import { type EntryList, entryList } from "./entries.ts";

export interface LogEvent<T = unknown> {
  /** Orders the events of a log; unique; the cursor for `after`. */
  readonly id: string;
  /** When it was appended. Units: ms since 1970, by this device's clock, never behind the event before it. */
  readonly atMs: number;
  readonly data: T;
}

export interface EventListOptions {
  readonly limit?: number;
  /** Only events after this id, in the order asked for. */
  readonly after?: string;
  readonly reverse?: boolean;
}

/** Logs are named like records; events are never changed. Errors as in `Records`. */
export interface Events {
  append<T>(log: string, data: T): Promise<LogEvent<T>>;
  /** Events of one log in the order they were appended. */
  list<T = unknown>(log: string, options?: EventListOptions): EntryList<LogEvent<T>>;
  /** Calls back after each append through this store. Returns the unsubscriber. */
  subscribe<T = unknown>(log: string, listener: (event: LogEvent<T>) => void): () => void;
  /** Notices of the store itself: "conflict", "sync", "rotation", "error". Returns the unsubscriber. */
  on<N extends NoticeType>(type: N, listener: (notice: StoreNotices[N]) => void): () => void;
  off<N extends NoticeType>(type: N, listener: (notice: StoreNotices[N]) => void): void;
}

const facet = "events";
const pageSize = 256;
const idPattern = /^[0-9a-f]{24}$/;

export interface EventIds {
  /** Ids for appends to a log, each after the last one stored. */
  next(log: string): Promise<string>;
}

export function createEvents(rows: Rows, ids: EventIds, emitter: Emitter): Events {
  async function* iterate<T>(
    log: string,
    { limit = Number.POSITIVE_INFINITY, after, reverse = false }: EventListOptions,
  ): AsyncGenerator<LogEvent<T>> {
    let left = limit;
    let cursor = after;
    while (left > 0) {
      const size = Math.min(pageSize, left);
      const page = await rows.leaves(facet, log, { limit: size, reverse, ...(cursor === undefined ? {} : { after: cursor }) });
      for (const row of page) yield eventOf<T>(row);
      if (page.length < size) return;
      left -= page.length;
      cursor = page.at(-1)!.leaf!;
    }
  }

  return {
    async append(log, data) {
      const change = await eventPut(ids, checkEvent(log, data));
      await rows.commit([change]);
      return { ...eventOf({ ...change.row, ...change.address }), data };
    },
    list: <T>(log: string, options: EventListOptions = {}) => entryList(() => iterate<T>(log, checkEventListing(log, options))),
    subscribe<T>(log: string, listener: (event: LogEvent<T>) => void) {
      checkKey(log, "log");
      checkFunction(listener, "listener");
      return rows.onChange((change, row) => {
        if (change.facet !== facet || change.path !== log || !row) return undefined;
        return listener(eventOf<T>(row as StoredRow));
      });
    },
    on: emitter.on,
    off: emitter.off,
  };
}

function checkEventListing(log: string, options: EventListOptions): EventListOptions {
  checkKey(log, "log");
  checkOptionsObject(options, "list", ["limit", "after", "reverse"]);
  if (options.after !== undefined && !idPattern.test(options.after)) {
    throw new CuittyError("invalid_option", "after must be the id of an event, 24 hexadecimal digits");
  }
  const { limit, reverse } = checkListing("", { ...options, after: undefined });
  return {
    ...(limit === undefined ? {} : { limit }),
    ...(reverse === undefined ? {} : { reverse }),
    ...(options.after ? { after: options.after } : {}),
  };
}

/** An append whose log and data were checked. */
export interface CheckedEvent {
  readonly log: string;
  readonly json: string;
}

/** Errors: `invalid_key`, `value_not_json`, `value_too_large`. */
export function checkEvent(log: string, data: unknown): CheckedEvent {
  checkKey(log, "log");
  return { log, json: toJson(data) };
}

/** The change that appends. The leaf is repeated in the row, so that subscribers get it. */
export async function eventPut(
  ids: EventIds,
  { log, json }: CheckedEvent,
): Promise<RowChange & { readonly type: "put"; readonly row: StoredRow }> {
  const leaf = await ids.next(log);
  return { type: "put", address: { facet, path: log, leaf }, row: { json, path: log, leaf } };
}

function eventOf<T>(row: StoredRow): LogEvent<T> {
  return { id: row.leaf!, atMs: Number.parseInt(row.leaf!.slice(0, 12), 16), data: JSON.parse(row.json!) as T };
}

/** 48 bits of time, a 16-bit counter, 32 random bits; later than the log's last event even when the clock went back. */
export function createEventIds(rows: Rows, clock: () => number, random: (size: number) => Uint8Array): EventIds {
  const lastByLog = new Map<string, Promise<string | undefined>>();
  const maxLogs = 1024;

  async function after(last: string | undefined): Promise<string> {
    const noise = [...random(4)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const now = clock().toString(16).padStart(12, "0");
    if (last === undefined || now > last.slice(0, 12)) return `${now}0000${noise}`;
    const counter = Number.parseInt(last.slice(12, 16), 16) + 1;
    if (counter <= 0xffff) return last.slice(0, 12) + counter.toString(16).padStart(4, "0") + noise;
    return `${(Number.parseInt(last.slice(0, 12), 16) + 1).toString(16).padStart(12, "0")}0000${noise}`;
  }

  return {
    next(log) {
      const last = lastByLog.get(log) ?? rows.leaves(facet, log, { limit: 1, reverse: true }).then((found) => found[0]?.leaf);
      const next = last.then(after);
      lastByLog.delete(log);
      lastByLog.set(log, next);
      if (lastByLog.size > maxLogs) lastByLog.delete(lastByLog.keys().next().value!);
      next.catch(() => lastByLog.delete(log));
      return next;
    },
  };
}
