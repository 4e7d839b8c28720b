// All open streams with one timer for them: heartbeats, stalls, durations, and whether each subject may still read.
import { CuittyError } from "@cuitty/wire-protocol";
import { KEYS_TOPIC } from "../bus.ts";
import type { Subject } from "../route.ts";
import type { StreamClient } from "./client.ts";
import type { NormalStreamOptions } from "./options.ts";

/** An open stream and what is known of it. */
export interface OpenStream {
  readonly client: StreamClient;
  readonly projectId: string;
  readonly subject: Subject;
  /** Asks the app's own session again; null for API keys, which are asked for once for all their streams. */
  readonly recheck: (() => Promise<boolean>) | null;
}

export interface StreamSet {
  /** Takes a place for a stream that is being opened. Errors: `overloaded`. */
  reserve(projectId: string): void;
  /** Gives a place back; `remove` does it for a stream that was added. */
  release(projectId: string): void;
  size(): number;
  /** How many clients are not taking what they were given. */
  stalled(): number;
  /** On a reserved place. */
  add(stream: OpenStream): void;
  remove(stream: OpenStream): void;
  /** Ends all streams; clients come back after `retryMs`. */
  close(): void;
}

interface Entry {
  readonly stream: OpenStream;
  readonly endsAtMs: number;
  /** Which of the ticks of a heartbeat period is this stream's: spreads the writes. */
  readonly slot: number;
}

const tickMs = 500;
/** Sessions of the app's own users are asked for less often than keys: that costs the app a look-up a stream. */
const sessionRecheckTicks = 120;

export function createStreamSet(options: NormalStreamOptions, poll: () => void): StreamSet {
  const entries = new Map<OpenStream, Entry>();
  const countByProject = new Map<string, number>();
  let reserved = 0;
  const slots = Math.max(1, Math.round(options.heartbeatMs / tickMs));
  const pollTicks = Math.max(1, Math.round(options.pollMs / tickMs));
  const recheckTicks = Math.max(1, Math.round(options.recheckMs / tickMs));
  let tickNumber = 0;
  let isChecking = false;
  let mustCheckAgain = false;
  let timer: ReturnType<typeof setInterval> | null = null;
  const unsubscribe = options.bus.subscribe(KEYS_TOPIC, () => void checkKeys());

  function tick(): void {
    tickNumber++;
    const nowMs = options.clock();
    for (const entry of [...entries.values()]) attend(entry, nowMs);
    if (tickNumber % pollTicks === 0) poll();
    if (tickNumber % recheckTicks === 0) void checkKeys();
  }

  function attend({ stream, endsAtMs, slot }: Entry, nowMs: number): void {
    const { client } = stream;
    const stalledSinceMs = client.stalledSinceMs();
    const isStuck = stalledSinceMs !== null && nowMs - stalledSinceMs >= options.stallTimeoutMs;
    if (isStuck || nowMs >= endsAtMs) client.end(options.retryMs);
    else if (tickNumber % slots === slot) client.heartbeat();
    if (stream.recheck !== null && tickNumber % sessionRecheckTicks === slot % sessionRecheckTicks) void checkSession(stream);
  }

  async function checkSession(stream: OpenStream): Promise<void> {
    try {
      if (!(await stream.recheck?.())) stream.client.end(options.retryMs);
    } catch (error) {
      options.onError(error);
    }
  }

  /** One question a key, however many streams it has. A check that fails is not an answer: it is asked again at the next one. */
  async function checkKeys(): Promise<void> {
    mustCheckAgain = isChecking;
    if (isChecking) return;
    isChecking = true;
    const answers = new Map<string, boolean>();
    for (const { stream } of [...entries.values()]) {
      if (stream.recheck !== null) continue;
      const { id } = stream.subject;
      if (!answers.has(id)) answers.set(id, await isAllowed(stream.subject));
      if (answers.get(id) === false) stream.client.end(options.retryMs);
    }
    isChecking = false;
    if (mustCheckAgain) void checkKeys();
  }

  async function isAllowed(subject: Subject): Promise<boolean> {
    try {
      return await options.isAllowed(subject);
    } catch (error) {
      options.onError(error);
      return true;
    }
  }

  function release(projectId: string): void {
    reserved--;
    const left = (countByProject.get(projectId) ?? 1) - 1;
    if (left === 0) countByProject.delete(projectId);
    else countByProject.set(projectId, left);
  }

  return {
    reserve(projectId) {
      const ofProject = countByProject.get(projectId) ?? 0;
      if (reserved >= options.maxStreams) throw tooMany(options.maxStreams);
      if (ofProject >= options.maxStreamsPerProject) throw tooMany(options.maxStreamsPerProject);
      reserved++;
      countByProject.set(projectId, ofProject + 1);
    },
    release,
    size: () => entries.size,
    stalled: () => [...entries.keys()].filter(({ client }) => client.stalledSinceMs() !== null).length,
    add(stream) {
      // Streams that were opened together do not end together.
      const durationMs = options.maxDurationMs * (1 - Math.random() / 10);
      entries.set(stream, { stream, endsAtMs: options.clock() + durationMs, slot: Math.floor(Math.random() * slots) });
      if (timer !== null) return;
      timer = setInterval(tick, tickMs);
      timer.unref();
    },
    remove(stream) {
      if (!entries.delete(stream)) return;
      release(stream.projectId);
      if (entries.size > 0 || timer === null) return;
      clearInterval(timer);
      timer = null;
    },
    close() {
      unsubscribe();
      for (const { stream } of [...entries.values()]) stream.client.end(options.retryMs);
      if (timer !== null) clearInterval(timer);
      timer = null;
    },
  };
}

function tooMany(limit: number): CuittyError {
  return new CuittyError("overloaded", `Expected at most ${limit} open streams; close some, or try again`, {
    retryable: true,
    details: { retryAfterSeconds: 5 },
  });
}
