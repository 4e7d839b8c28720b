// All open streams with one timer for them: heartbeats, stalls, durations, and whether each subject may still read.
import { CuittyError } from "@cuitty/wire-protocol";
import { KEYS_TOPIC } from "../bus.ts";
import type { Subject } from "../route.ts";
import type { StreamClient } from "./client.ts";
import type { NormalStreamOptions } from "./options.ts";

/** Whose stream it is. */
export interface StreamOwner {
  readonly projectId: string;
  readonly subject: Subject;
  /** Asks again who it is; null asks `isAllowed`. Keys are asked for often, once for all their streams, sessions of users one by one and seldom. */
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
  add(client: StreamClient, owner: StreamOwner): void;
  remove(client: StreamClient): void;
  /** Ends all streams; clients come back after `retryMs`. */
  close(): void;
}

interface Entry extends StreamOwner {
  readonly endsAtMs: number;
  /** After so many ticks of silence a comment is sent: between half a period and a whole one, so that not all are sent at once. */
  readonly maxQuietTicks: number;
}

const tickMs = 500;

export function createStreamSet(options: NormalStreamOptions, poll: () => void): StreamSet {
  const entries = new Map<StreamClient, Entry>();
  const countByProject = new Map<string, number>();
  const heartbeatTicks = Math.max(1, Math.round(options.heartbeatMs / tickMs));
  const pollTicks = Math.max(1, Math.round(options.pollMs / tickMs));
  const recheckTicks = Math.max(1, Math.round(options.recheckMs / tickMs));
  // Less often than keys: it costs the app a look-up for each stream.
  const sessionRecheckTicks = Math.max(1, Math.round(options.sessionRecheckMs / tickMs));
  let reserved = 0;
  let tickNumber = 0;
  let isChecking = false;
  let mustCheckAgain = false;
  let timer: ReturnType<typeof setInterval> | null = null;
  const unsubscribe = options.bus.subscribe(KEYS_TOPIC, () => void checkKeys());

  function tick(): void {
    tickNumber++;
    const nowMs = options.clock();
    for (const [client, entry] of entries) attend(client, entry, nowMs);
    if (tickNumber % sessionRecheckTicks === 0) checkSessions();
    if (tickNumber % pollTicks === 0) poll();
    if (tickNumber % recheckTicks === 0) void checkKeys();
  }

  function attend(client: StreamClient, { endsAtMs, maxQuietTicks }: Entry, nowMs: number): void {
    const stalledSinceMs = client.stalledSinceMs();
    const isStuck = stalledSinceMs !== null && nowMs - stalledSinceMs >= options.stallTimeoutMs;
    if (isStuck || nowMs >= endsAtMs) client.end(options.retryMs);
    else if (++client.quietTicks >= maxQuietTicks) client.heartbeat();
  }

  function checkSessions(): void {
    for (const [client, { subject, recheck }] of entries) if (recheck !== null && !isKey(subject)) void checkSession(client, recheck);
  }

  async function checkSession(client: StreamClient, recheck: () => Promise<boolean>): Promise<void> {
    try {
      if (!(await recheck())) client.end(options.retryMs);
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
    for (const [client, { subject, recheck }] of entries) {
      if (recheck !== null && !isKey(subject)) continue;
      if (!answers.has(subject.id)) answers.set(subject.id, await isAllowed(subject, recheck));
      if (answers.get(subject.id) === false) client.end(options.retryMs);
    }
    isChecking = false;
    if (mustCheckAgain) void checkKeys();
  }

  async function isAllowed(subject: Subject, recheck: StreamOwner["recheck"]): Promise<boolean> {
    try {
      return await (recheck?.() ?? options.isAllowed(subject));
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
    stalled: () => [...entries.keys()].filter((client) => client.stalledSinceMs() !== null).length,
    add(client, owner) {
      // Streams that were opened together do not end together.
      const endsAtMs = Math.round(options.clock() + options.maxDurationMs * (1 - Math.random() / 10));
      const maxQuietTicks = Math.ceil((heartbeatTicks * (1 + Math.random())) / 2);
      entries.set(client, { ...owner, endsAtMs, maxQuietTicks });
      if (timer !== null) return;
      timer = setInterval(tick, tickMs);
      timer.unref();
    },
    remove(client) {
      const entry = entries.get(client);
      if (entry === undefined) return;
      entries.delete(client);
      release(entry.projectId);
      if (entries.size > 0 || timer === null) return;
      clearInterval(timer);
      timer = null;
    },
    close() {
      unsubscribe();
      for (const client of entries.keys()) client.end(options.retryMs);
      if (timer !== null) clearInterval(timer);
      timer = null;
    },
  };
}

const isKey = (subject: Subject): boolean => subject.kind === "api_key";

function tooMany(limit: number): CuittyError {
  return new CuittyError("overloaded", `Expected at most ${limit} open streams; close some, or try again`, {
    retryable: true,
    details: { retryAfterSeconds: 5 },
  });
}
