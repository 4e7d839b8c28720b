// All open streams with one timer for them: heartbeats, stalls, durations, and whether each subject may still read.
import { CuittyError } from "@cuitty/wire-protocol";
import { KEYS_TOPIC } from "../bus.ts";
import type { Subject } from "../route.ts";
import type { StreamClient } from "./client.ts";
import type { NormalStreamOptions, StreamPlace } from "./options.ts";

/** Whose stream it is. */
export interface StreamOwner extends StreamPlace {
  readonly subject: Subject;
  /** Asks again who it is, beside `isAllowed`: for a key once for all its streams, for users one by one. */
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
  /** Streams with the same one are asked for together. */
  readonly question: string;
  /** So that not all sessions are asked for in one tick. */
  readonly sessionTick: number;
}

interface Asking {
  mustRepeat: boolean;
}

const tickMs = 500;

export function createStreamSet(options: NormalStreamOptions, poll: () => void): StreamSet {
  const entries = new Map<StreamClient, Entry>();
  const countByProject = new Map<string, number>();
  const heartbeatTicks = Math.max(1, Math.round(options.heartbeatMs / tickMs));
  const pollTicks = Math.max(1, Math.round(options.pollMs / tickMs));
  const recheckTicks = Math.max(1, Math.round(options.recheckMs / tickMs));
  const sessionRecheckTicks = Math.max(1, Math.round(options.sessionRecheckMs / tickMs));
  let reserved = 0;
  let tickNumber = 0;
  const asking = new Map<string, Asking>();
  const sessionsAsked = new Set<StreamClient>();
  let timer: ReturnType<typeof setInterval> | null = null;
  const unsubscribe = options.bus.subscribe(KEYS_TOPIC, checkAll);

  function tick(): void {
    tickNumber++;
    const nowMs = options.clock();
    for (const [client, entry] of entries) attend(client, entry, nowMs);
    checkSessions();
    if (tickNumber % pollTicks === 0) poll();
    if (tickNumber % recheckTicks === 0) checkAll();
  }

  function attend(client: StreamClient, { endsAtMs, maxQuietTicks }: Entry, nowMs: number): void {
    const stalledSinceMs = client.stalledSinceMs();
    const isStuck = stalledSinceMs !== null && nowMs - stalledSinceMs >= options.stallTimeoutMs;
    if (isStuck || nowMs >= endsAtMs) client.end(options.retryMs);
    else if (++client.quietTicks >= maxQuietTicks) client.heartbeat();
  }

  function checkSessions(): void {
    for (const [client, { subject, recheck, sessionTick }] of entries) {
      const isDue = recheck !== null && !isKey(subject) && (tickNumber + sessionTick) % sessionRecheckTicks === 0;
      if (isDue && !sessionsAsked.has(client)) void checkSession(client, recheck);
    }
  }

  async function checkSession(client: StreamClient, recheck: () => Promise<boolean>): Promise<void> {
    sessionsAsked.add(client);
    try {
      if (!(await recheck())) client.end(options.retryMs);
    } catch (error) {
      options.onError(error);
    } finally {
      sessionsAsked.delete(client);
    }
  }

  /** One question for all streams of a subject with the same topics, and none waits for another's answer. */
  function checkAll(): void {
    const questions = new Map<string, StreamOwner>();
    for (const entry of entries.values()) questions.set(entry.question, entry);
    for (const [question, owner] of questions) {
      const running = asking.get(question);
      if (running === undefined) void check(question, owner);
      else running.mustRepeat = true;
    }
  }

  async function check(question: string, owner: StreamOwner): Promise<void> {
    const state: Asking = { mustRepeat: true };
    asking.set(question, state);
    while (state.mustRepeat) {
      state.mustRepeat = false;
      if (!(await isAllowed(owner))) endAll(question);
    }
    asking.delete(question);
  }

  function endAll(question: string): void {
    for (const [client, entry] of entries) if (entry.question === question) client.end(options.retryMs);
  }

  /** A check that fails is not an answer: it is asked again at the next one. */
  async function isAllowed({ subject, projectId, topics, recheck }: StreamOwner): Promise<boolean> {
    try {
      if (!(await options.isAllowed(subject, { projectId, topics }))) return false;
      return recheck === null || !isKey(subject) || (await recheck());
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
      const question = JSON.stringify([owner.subject, owner.projectId, owner.topics]);
      const sessionTick = Math.floor(Math.random() * sessionRecheckTicks);
      entries.set(client, { ...owner, endsAtMs, maxQuietTicks, question, sessionTick });
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
