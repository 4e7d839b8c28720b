// The contract of a domain module: one file, its event types, tables, reads, streams, jobs and retention. The only way to add a domain.
import type { IngestWrite, Migration, ModuleFile, RowInsert, SqlStatement } from "@cuitty/storage/module-file";
import type { TSchema } from "@sinclair/typebox";
import { checkModule } from "./module-check.ts";
import type { Route } from "./route.ts";

/** An event that passed validation. */
export interface ValidEvent {
  /** Position in the request, 0-based. */
  readonly index: number;
  /** UUIDv7; the client's `id`, or one made on receipt. */
  readonly id: string;
  readonly type: string;
  /** RFC 3339 in UTC, milliseconds. */
  readonly ts: string;
  readonly tsMs: number;
  /** The documented fields. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Fields that the schema does not know, kept as sent; null when there are none. */
  readonly meta: Readonly<Record<string, unknown>> | null;
  readonly receivedAtMs: number;
  /** `ts` is more than 5 minutes ahead of, or 7 days behind, the server's clock. */
  readonly isSkewed: boolean;
}

/** What a module knows of the batch that its events came in. */
export interface IngestContext {
  readonly projectId: string;
  readonly nowMs: number;
  /** JSON of an event's `data` or `meta`, as they were given: what `JSON.stringify` gives, perhaps sooner. @default JSON.stringify */
  readonly toJson?: ((value: unknown) => string) | undefined;
}

/** What a module wants written for its events; the core adds the inbox row and the transaction. */
export interface IngestPlan {
  readonly statements: readonly (RowInsert | SqlStatement)[];
  /** Only where a row depends on rows already there (the audit chain). */
  readonly interactive?: IngestWrite["interactive"];
}

/** One row of a live stream. `dataJson` is what the module stored, re-serialised. */
export interface StreamRow {
  readonly seq: number;
  readonly id: string;
  readonly type: string;
  readonly ts: string;
  readonly dataJson: string;
}

/** A durable stream: pages of rows in `seq` order. Bus hints only say "page again". */
export interface StreamSource {
  /** Topic name as in `?topics=`; the module's name unless it has several. */
  readonly topic: string;
  page(
    file: ModuleFile,
    query: { readonly projectId: string; readonly afterSeq: number; readonly limit: number },
  ): Promise<readonly StreamRow[]>;
  /** Lowest and highest seq still there, 0 and 0 when empty. */
  range(file: ModuleFile, projectId: string): Promise<{ readonly oldestSeq: number; readonly newestSeq: number }>;
}

/** Rows of `table` older than `days` (by `column`, Unix ms) are deleted in slices by the retention runner. */
export interface RetentionRule {
  readonly table: string;
  readonly column: string;
  /** @default the module's; `0` keeps for ever. */
  readonly days: number;
  /** Deletes what is older instead of the runner, where rows may not simply go: a hash chain loses its beginning only. Returns how many rows went. */
  readonly prune?: (file: ModuleFile, beforeMs: number, signal: AbortSignal) => Promise<number>;
}

/** Work that a module does by itself, in one process at a time. */
export interface ModuleJob {
  readonly name: string;
  readonly everyMs: number;
  run(context: { readonly file: ModuleFile; readonly nowMs: number; readonly signal: AbortSignal }): Promise<void>;
}

/** Something that must happen after a commit, such as a webhook. */
export interface OutboxMessage {
  readonly id: number;
  readonly topic: string;
  readonly key: string | null;
  /** As it was written, parsed. */
  readonly payload: unknown;
  /** 1 for the first try. */
  readonly attempt: number;
}

/** Delivers a message; a throw means "again later". At least once: a crash between delivery and its note repeats it. */
export type Delivery = (
  message: OutboxMessage,
  context: { readonly file: ModuleFile; readonly nowMs: number; readonly signal: AbortSignal; readonly fetch: typeof globalThis.fetch },
) => Promise<void>;

/** A domain: which events it takes, how it stores them, what it answers. */
export interface CuittyModule {
  /** `[a-z][a-z0-9_]*`; names the file (`<name>.db`), the base path and the default topic. */
  readonly name: string;
  /** Where its routes are. @default `/api/modules/<name>` */
  readonly basePath?: string;
  /** Wire type to the schema of its `data`. */
  readonly accepts: Readonly<Record<string, TSchema>>;
  readonly migrations: readonly Migration[];
  ingest(events: readonly ValidEvent[], context: IngestContext): IngestPlan;
  readonly routes?: readonly Route[];
  readonly streams?: readonly StreamSource[];
  readonly jobs?: readonly ModuleJob[];
  /** Outbox topic to what delivers it; messages are rows made by `outboxRows` in the module's own writes. */
  readonly deliveries?: Readonly<Record<string, Delivery>>;
  readonly retention: readonly RetentionRule[];
}

/** Checks a module's shape where it is written; the value itself is handed back. Errors: `invalid_module`. */
export function defineModule<const Module extends CuittyModule>(module: Module): Module {
  checkModule(module);
  return module;
}
