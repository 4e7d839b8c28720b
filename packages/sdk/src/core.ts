// What a client holds and how sending stands: made by the client, shared with the engine that is loaded beside it.
import type { Batch, QueuedEvent } from "./batcher.ts";
import type { FlushResult } from "./client.ts";
import type { Keeper } from "./keeper.ts";
import type { SpoolWriter } from "./node/spool-writer.ts";
import type { Settings } from "./options.ts";
import type { SpoolAdapter } from "./spool.ts";
import type { Stats } from "./stats.ts";

export interface Core {
  readonly settings: Settings;
  readonly stats: Stats;
  /** Everything in memory, queued or sealed. Units: events; UTF-8 bytes. */
  readonly held: { events: number; bytes: number };
  /** Sealed batches in memory that wait, next first. */
  readonly waiting: Batch[];
  /** Sealed batches on their way. */
  readonly flying: Set<Batch>;
  readonly state: State;
  /** Events that wait to be sealed. */
  count(): number;
  /** Bytes that wait to be sealed. */
  bytes(): number;
  /** Takes out the oldest events, of at most `room` bytes. */
  take(most?: number, room?: number): QueuedEvent[];
  /** Lets plugins emit what they gather. */
  gather(): void;
  /** Events held in memory or left to the spool. */
  pending(): number;
  /** Resolves with the engine once it is loaded; with undefined when it cannot be. */
  load(): Promise<Engine | undefined>;
}

export interface State {
  isStarted?: boolean;
  /** Nothing is taken in or sent any more. */
  isClosed?: boolean;
  /** The page is about to go away: nothing is waited for. */
  isLeaving?: boolean;
  /** The engine, once it is loaded. */
  engine?: Engine;
  /** Where batches can be written at once, if anywhere. */
  spool?: SpoolWriter | SpoolAdapter | undefined;
  /** The spool, once it is open. */
  keeper?: Keeper;
  /** On the clock of `performance.now()`: nothing is sent before. */
  openUntilMs: number;
  /** Takes exit or unload hooks off. */
  detach?(): void;
}

/** Sends what the core holds. Nothing in it throws or rejects. */
export interface Engine {
  /** Called after each event that came in. */
  touch(): void;
  /** Units: ms. `isHasty` gives up at the first failure. */
  flush(ms: number, isHasty?: boolean): Promise<FlushResult>;
  /** As `flush`, but a pause stays one: for flushes that nobody asked for. Units: ms. */
  drain(ms: number): Promise<FlushResult>;
  /** Units: ms. */
  shutdown(ms: number): Promise<FlushResult>;
  /** Ends the request or wait under way; its batch waits again. */
  interrupt(): void;
  /** Seals what is queued, stores everything and gives the spool time to finish. Units: ms. */
  keep(ms: number): Promise<unknown>;
  /** Sends what fits into a page's last requests. */
  leave(): void;
  /** Flushes for a process that is about to end; with a spool to fall back on, without waiting for a server that fails. */
  finish?(isSignal?: boolean): Promise<void>;
}
