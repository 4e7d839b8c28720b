// Options of live streams and their defaults, in one place.
import type { Bus } from "../bus.ts";
import type { Clock } from "../clock.ts";
import { systemClock } from "../clock.ts";
import type { Subject } from "../route.ts";
import type { TopicSource } from "./topic-tail.ts";

export interface StreamLimits {
  /** Streams open at the same time in this process. @default 1000 */
  readonly maxStreams?: number | undefined;
  /** Streams open at the same time for one project. @default 500 */
  readonly maxStreamsPerProject?: number | undefined;
  /** After this long a stream is closed cleanly, up to a tenth earlier, and the client comes back. Units: ms. @default 3600000 */
  readonly maxDurationMs?: number | undefined;
  /** A client that reads nothing for so long is closed. Units: ms. @default 60000 */
  readonly stallTimeoutMs?: number | undefined;
  /** Pause between two comments that keep the connection open. Units: ms. @default 15000; 5000 on Bun, whose server ends what is silent for 10 s */
  readonly heartbeatMs?: number | undefined;
  /** How often topics are read although no hint came. Units: ms. @default 5000 */
  readonly pollMs?: number | undefined;
  /** How often it is checked that a project is still there, its key still good and its topics still the subject's to read. Units: ms. @default 4000 */
  readonly recheckMs?: number | undefined;
  /** How often the app is asked whether a user's session is still good: once a stream, spread over this time. Longer costs it less. Units: ms. @default 4000 */
  readonly sessionRecheckMs?: number | undefined;
  /** What clients wait before they come back. Units: ms. @default 2000 */
  readonly retryMs?: number | undefined;
}

/** What a stream reads. */
export interface StreamPlace {
  readonly projectId: string;
  readonly topics: readonly string[];
}

export interface LiveStreamsOptions extends StreamLimits {
  /** The durable streams by topic. */
  readonly sources: readonly TopicSource[];
  readonly bus: Bus;
  /** Whether a subject may still read; asked every `recheckMs`, once for all its streams of the same topics, and when keys or projects change. @default always */
  readonly isAllowed?: (subject: Subject, place: StreamPlace) => Promise<boolean> | boolean;
  /** @default the system's */
  readonly clock?: Clock;
  /** A page could not be read, or a check failed. The streams go on or are closed; nothing is lost. @default ignored */
  readonly onError?: (error: unknown) => void;
}

export type NormalStreamOptions = Required<LiveStreamsOptions>;

export function normalizeStreamOptions(options: LiveStreamsOptions): NormalStreamOptions {
  return {
    ...options,
    maxStreams: options.maxStreams ?? 1_000,
    maxStreamsPerProject: options.maxStreamsPerProject ?? 500,
    maxDurationMs: options.maxDurationMs ?? 3_600_000,
    stallTimeoutMs: options.stallTimeoutMs ?? 60_000,
    heartbeatMs: options.heartbeatMs ?? (process.versions.bun === undefined ? 15_000 : 5_000),
    pollMs: options.pollMs ?? 5_000,
    recheckMs: options.recheckMs ?? 4_000,
    sessionRecheckMs: options.sessionRecheckMs ?? 4_000,
    retryMs: options.retryMs ?? 2_000,
    isAllowed: options.isAllowed ?? (() => true),
    clock: options.clock ?? systemClock,
    onError: options.onError ?? (() => {}),
  };
}
