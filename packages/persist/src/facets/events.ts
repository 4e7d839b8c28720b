// Append-only logs under a name, and the store's own notices.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { capabilitiesOf } from "../adapter.ts";
import type { Emitter, NoticeType, StoreNotices } from "../core/emitter.ts";
import { toJson } from "../core/json.ts";
import { checkKey } from "../core/paths.ts";
import { jsonOf, type StoredRow } from "../core/row.ts";
import type { RowChange, Rows } from "../core/rows.ts";
import { checkFunction, checkListing, checkOptionsObject } from "./check.ts";
import { type EntryList, entryList } from "./entries.ts";

/** One event of a log; it never changes. */
export interface LogEvent<T = unknown> {
  /** Orders the events of a log; unique; the cursor for `after`. */
  readonly id: string;
  /** When it was appended. Units: ms since 1970, by this device's clock, never behind the event before it. */
  readonly atMs: number;
  readonly data: T;
}

/** Which events of a log a list gives, and in which order. */
export interface EventListOptions {
  readonly limit?: number | undefined;
  /** Only events after this id, in the order asked for. */
  readonly after?: string | undefined;
  readonly reverse?: boolean | undefined;
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
const idPattern = /^[0-9a-f]{24}$/;

export interface EventIds {
  /** An id for an append to a log, after the last one stored and every one given before. */
  next(log: string): Promise<EventId>;
  /** Events were put otherwise than by an append: the last one stored is to be read anew. */
  forget(log: string): void;
}

export interface EventId {
  readonly id: string;
  /** To be called when the event is queued, or will not be. */
  release(): void;
}

export function createEvents(rows: Rows, ids: EventIds, emitter: Emitter): Events {
  async function* iterate<T>(log: string, options: EventListOptions): AsyncGenerator<LogEvent<T>> {
    for await (const row of rows.leaves(facet, log, options)) yield eventOf<T>(row);
  }

  return {
    async append(log, data) {
      const { change, release } = await eventPut(ids, checkEvent(log, data));
      const written = rows.commit([change]);
      release();
      await written;
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

export interface EventPut {
  readonly change: RowChange & { readonly type: "put"; readonly row: StoredRow };
  /** As of the event's id. */
  release(): void;
}

/** The change that appends. */
export async function eventPut(ids: EventIds, { log, json }: CheckedEvent): Promise<EventPut> {
  const { id, release } = await ids.next(log);
  return { change: eventChange(log, id, json), release };
}

/** The leaf is repeated in the row, so that subscribers get it. */
export function eventChange(log: string, leaf: string, json: string): EventPut["change"] {
  return { type: "put", address: { facet, path: log, leaf }, row: { json, path: log, leaf } };
}

function eventOf<T>(row: StoredRow): LogEvent<T> {
  return { id: row.leaf!, atMs: Number.parseInt(row.leaf!.slice(0, 12), 16), data: jsonOf(row) as T };
}

interface Log {
  /** The id given last. */
  last: Promise<string | undefined>;
  /** A look at the store that has not begun. */
  reading: Promise<string | undefined> | undefined;
  /** The last id stored is known, and nobody else can have appended since. */
  isKnown: boolean;
  /** Ids given for events that are not queued: what the store has is behind them. */
  inFlight: number;
}

const idDigits = 24;
const maxLogs = 1024;

/** 48 bits of time, a 16-bit counter, 32 random bits; later than the log's last event even when the clock went back. */
export function createEventIds(rows: Rows, clock: () => number, random: (size: number) => Uint8Array): EventIds {
  const { adapter } = rows;
  // Without `range` the last id is found only by reading the whole log, which not every append can do.
  const isShared = !capabilitiesOf(adapter).exclusive && adapter.range !== undefined;
  const logByName = new Map<string, Log>();

  function after(last: string | undefined): string {
    const noise = [...random(4)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const now = clock().toString(16).padStart(12, "0");
    if (last === undefined || now > last.slice(0, 12)) return `${now}0000${noise}`;
    const counter = Number.parseInt(last.slice(12, 16), 16) + 1;
    if (counter <= 0xffff) return last.slice(0, 12) + counter.toString(16).padStart(4, "0") + noise;
    return `${(Number.parseInt(last.slice(0, 12), 16) + 1).toString(16).padStart(12, "0")}0000${noise}`;
  }

  /** Shared by the appends of one moment: it begins when all of them have been called. */
  function readLast(name: string, log: Log): Promise<string | undefined> {
    log.reading ??= Promise.resolve().then(async () => {
      log.reading = undefined;
      const { value } = await rows.leaves(facet, name, { limit: 1, reverse: true }).next();
      return (value as StoredRow | undefined)?.leaf;
    });
    return log.reading;
  }

  function drop(name: string, log: Log): void {
    if (logByName.get(name) === log) logByName.delete(name);
  }

  return {
    async next(name) {
      const log = logByName.get(name) ?? { last: Promise.resolve(undefined), reading: undefined, isKnown: false, inFlight: 0 };
      logByName.set(name, log);
      const stored = log.isKnown ? undefined : readLast(name, log);
      log.isKnown = !isShared;
      log.inFlight++;
      const id = Promise.all([log.last, stored]).then(([given, found]) => fitting(after(laterOf(given, found))));
      log.last = id;
      // Whoever waits for an earlier id fails with it; the next append begins anew.
      id.catch(() => drop(name, log));
      return {
        id: await id,
        release() {
          log.inFlight--;
          if (log.inFlight === 0 && (isShared || logByName.size > maxLogs)) drop(name, log);
        },
      };
    },
    forget(name) {
      const log = logByName.get(name);
      if (log) log.isKnown = false;
    },
  };
}

function laterOf(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one > other ? one : other;
}

/** A longer id would sort before those it comes after. */
function fitting(id: string): string {
  if (id.length === idDigits) return id;
  throw new CuittyError(
    "full",
    "no id can come after the last one of this log, or after the time that the clock gives; append to another log",
  );
}
