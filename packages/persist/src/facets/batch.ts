// Several changes in one atomic commit.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { capabilitiesOf } from "../adapter.ts";
import { observe, pauseAfter } from "../core/observed.ts";
import { checkKey } from "../core/paths.ts";
import { addressId, type Facet } from "../core/row.ts";
import type { RowChange, Rows } from "../core/rows.ts";
import { type CheckedEvent, checkEvent, type EventIds, type EventPut, eventPut } from "./events.ts";
import { createKv, type KvPutOptions, kvPut } from "./kv.ts";
import { createRecords, recordPut } from "./records.ts";
import type { Schemas } from "./schemas.ts";

const maxBatchChanges = 1_000;
const maxTries = 20;

/** Writes are collected, checked at once, and committed together when the body ends; reads see them. Errors after that: `transaction_closed`. */
export interface Batch {
  readonly records: {
    put(key: string, value: unknown): void;
    delete(key: string): void;
    get<T = unknown>(key: string): Promise<T | undefined>;
  };
  readonly kv: {
    put(key: string, value: unknown, options?: KvPutOptions): void;
    set(key: string, value: unknown, options?: KvPutOptions): void;
    delete(key: string): void;
    get<T = unknown>(key: string): Promise<T | undefined>;
  };
  readonly events: {
    append(log: string, data: unknown): void;
  };
}

export interface BatchParts {
  readonly rows: Rows;
  readonly schemas: Schemas;
  readonly eventIds: EventIds;
  readonly clock: () => number;
}

interface Draft {
  readonly batch: Batch;
  readonly changes: Map<string, RowChange>;
  readonly events: CheckedEvent[];
  readonly read: Set<string>;
  /** What is called on the batch from then on would be lost: it throws. */
  end(): void;
}

/**
 * Runs the body, then commits what it wrote, all or nothing. When something it read was written meanwhile, by this store or, where the adapter can compare,
 * by others, it runs again, up to 20 times.
 * Errors: `unsupported` without atomic batches, `conflict` (retryable), `batch_too_large`; what the body throws is thrown and nothing is written.
 */
export async function runBatch<T>(parts: BatchParts, body: (batch: Batch) => T | Promise<T>): Promise<T> {
  if (typeof body !== "function")
    throw new CuittyError("invalid_option", `batch takes a function that makes the changes, got ${typeof body}`);
  const { rows } = parts;
  if (!capabilitiesOf(rows.adapter).atomicBatch) {
    throw new CuittyError(
      "unsupported",
      `adapter "${rows.adapter.name ?? "custom"}" has no atomic batches; give it a batch method, or write one key at a time`,
    );
  }
  for (let tries = 1; tries <= maxTries; tries++) {
    const beganAtMs = performance.now();
    const { result, end } = await tryBatch(parts, body);
    if (end === "committed") return result;
    // What this store itself writes comes in turn; others must get out of step.
    if (end === "refused") await pauseAfter(tries, performance.now() - beganAtMs);
  }
  throw new CuittyError("conflict", `what the batch read was written by others ${maxTries} times in a row; try again later`, {
    retryable: true,
  });
}

interface Tried<T> {
  readonly result: T;
  /** "overtaken": this store wrote what the body had read; "refused": another one did. */
  readonly end: "committed" | "overtaken" | "refused";
}

async function tryBatch<T>(parts: BatchParts, body: (batch: Batch) => T | Promise<T>): Promise<Tried<T>> {
  const { rows } = parts;
  const written = new Set<string>();
  const stop = rows.writer.onQueued((id) => written.add(id));
  const observed = observe(rows);
  let events: Promise<EventPut>[] = [];
  try {
    const draft = createDraft(parts, { ...rows, get: observed.get });
    const result = await bodyOf(draft, body);
    events = draft.events.map((event) => eventPut(parts.eventIds, event));
    const changes = [...draft.changes.values(), ...(await Promise.all(events)).map(({ change }) => change)];
    if (changes.length > maxBatchChanges) {
      throw new CuittyError("batch_too_large", `a batch has at most ${maxBatchChanges} changes, got ${changes.length}; split it`);
    }
    if ([...draft.read].some((id) => written.has(id))) return { result, end: "overtaken" };
    const isDone = changes.length === 0 || (await observed.commit(changes));
    return { result, end: isDone ? "committed" : "refused" };
  } finally {
    stop();
    for (const event of events)
      event.then(
        ({ release }) => release(),
        () => undefined,
      );
  }
}

async function bodyOf<T>(draft: Draft, body: (batch: Batch) => T | Promise<T>): Promise<T> {
  try {
    return await body(draft.batch);
  } finally {
    draft.end();
  }
}

/** Of the rows as the batch sees them. */
function createDraft({ schemas, clock }: BatchParts, rows: Rows): Draft {
  const facets = { records: createRecords(rows, schemas), kv: createKv(rows, clock) };
  const changes = new Map<string, RowChange>();
  const events: CheckedEvent[] = [];
  const read = new Set<string>();
  let isOpen = true;

  function assertOpen(): void {
    if (!isOpen)
      throw new CuittyError("transaction_closed", "expected an open batch, got one that has ended; await everything inside its body");
  }

  function add(change: RowChange): void {
    assertOpen();
    changes.set(addressId(change.address), change);
  }

  function remove(facet: Facet, key: string): void {
    checkKey(key);
    add({ type: "delete", address: { facet, path: key } });
  }

  async function get<T>(facet: "records" | "kv", key: string): Promise<T | undefined> {
    assertOpen();
    const id = addressId({ facet, path: key });
    const own = changes.get(id);
    if (own) return own.type === "put" ? (JSON.parse(own.row.json!) as T) : undefined;
    read.add(id);
    return facets[facet].get<T>(key);
  }

  const putKv = (key: string, value: unknown, options: KvPutOptions = {}) => add(kvPut(clock, key, { value, options }));
  function append(log: string, data: unknown): void {
    assertOpen();
    events.push(checkEvent(log, data));
  }

  return {
    changes,
    events,
    read,
    end() {
      isOpen = false;
    },
    batch: {
      records: {
        put: (key, value) => add(recordPut(schemas, key, value)),
        delete: (key) => remove("records", key),
        get: (key) => get("records", key),
      },
      kv: { put: putKv, set: putKv, delete: (key) => remove("kv", key), get: (key) => get("kv", key) },
      events: { append },
    },
  };
}
