// The FIFO writer of a remote file: what waits goes into one batch; a request that spoils it is answered alone and the rest is sent again.
import { isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { closedError } from "../engine/errors.ts";
import { retryBusy } from "../engine/retry-busy.ts";
import { GROUP_BYTES, GROUP_ROWS } from "../file/writer.ts";
import { INBOX_SELECT, replayOutcome, weightOf, writeRequest } from "./ingest-write.ts";
import type { RemoteDatabase } from "./remote-client.ts";
import { type Culprit, createGroupBatch, type GroupBatch } from "./remote-group.ts";
import { runReplayed } from "./replayed-transaction.ts";
import { createInsertPlanner } from "./row-insert.ts";
import type { IngestOutcome, IngestWrite, WriteTransaction } from "./types.ts";

interface Job {
  /** A request that can share a batch; undefined for a transaction of its own. */
  readonly request: IngestWrite | undefined;
  readonly body: ((tx: WriteTransaction) => unknown) | undefined;
  readonly rows: number;
  readonly bytes: number;
  /** Project and idempotency key; undefined for a request without one. */
  readonly key: string | undefined;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  stopListening: () => void;
}

export interface RemoteWriter {
  readonly queued: number;
  readonly totals: Readonly<{ commits: number; writes: number; rows: number }>;
  write(request: IngestWrite, signal: AbortSignal | undefined): Promise<IngestOutcome>;
  transact<T>(body: (tx: WriteTransaction) => T): Promise<T>;
  drain(): Promise<void>;
}

/** A writer over a remote database. */
export function createRemoteWriter(database: RemoteDatabase, options: { location: string; busyTimeoutMs: number }): RemoteWriter {
  const { location, busyTimeoutMs } = options;
  const plan = createInsertPlanner();
  const queue: Job[] = [];
  const totals = { commits: 0, writes: 0, rows: 0 };
  let isClosing = false;
  let running: Promise<void> | undefined;

  function enqueue(work: Pick<Job, "request" | "body" | "rows" | "bytes" | "key">, signal?: AbortSignal): Promise<unknown> {
    if (isClosing) return Promise.reject(closedError(location));
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const job: Job = { ...work, resolve, reject, stopListening: () => {} };
      if (signal !== undefined) {
        const abort = () => {
          if (!queue.includes(job)) return;
          queue.splice(queue.indexOf(job), 1);
          reject(signal.reason);
        };
        signal.addEventListener("abort", abort, { once: true });
        job.stopListening = () => signal.removeEventListener("abort", abort);
      }
      queue.push(job);
      running ??= run();
    });
  }

  async function run(): Promise<void> {
    await new Promise<void>((done) => setImmediate(done));
    try {
      while (queue.length > 0) {
        const group = takeGroup();
        for (const job of group) job.stopListening();
        if (group.length === 1 && group[0]?.body !== undefined) await runAlone(group[0]);
        else await runGroup(group);
      }
    } finally {
      running = undefined;
    }
  }

  /** Two requests with one key cannot share a batch: the second has to see the first. */
  function takeGroup(): Job[] {
    const keys = new Set<string>();
    let rows = 0;
    let bytes = 0;
    let count = 0;
    for (const job of queue) {
      if (job.request === undefined) break;
      if (count > 0 && (rows + job.rows > GROUP_ROWS || bytes + job.bytes > GROUP_BYTES)) break;
      if (job.key !== undefined && keys.has(job.key)) break;
      if (job.key !== undefined) keys.add(job.key);
      rows += job.rows;
      bytes += job.bytes;
      count++;
    }
    return queue.splice(0, Math.max(count, 1));
  }

  /** Sends the group until no request spoils it. */
  async function runGroup(given: readonly Job[]): Promise<void> {
    let group = [...given];
    while (group.length > 0) group = await sendGroup(group);
  }

  /** Sends one batch; returns the requests that have to be sent again. */
  async function sendGroup(group: readonly Job[]): Promise<Job[]> {
    let batch: GroupBatch | undefined;
    try {
      const requests = group.map(({ request }) => request as IngestWrite);
      batch = createGroupBatch(requests, plan);
      const { statements } = batch;
      const outcomes = batch.outcomes(await retryBusy(() => database.batch(statements), busyTimeoutMs));
      totals.commits++;
      totals.writes += group.length;
      totals.rows += group.reduce((sum, { rows }) => sum + rows, 0);
      for (const [index, job] of group.entries()) job.resolve(outcomes[index]);
      return [];
    } catch (error) {
      const culprit = batch?.culprit(error);
      if (culprit !== undefined) return withoutCulprit(group, culprit, error);
      if (group.length > 1 && (batch === undefined || isCuittyError(error, "invalid_parameter"))) return sendEach(group);
      for (const job of group) job.reject(error);
      return [];
    }
  }

  async function withoutCulprit(group: readonly Job[], { index, isReplay }: Culprit, error: unknown): Promise<Job[]> {
    const job = group[index] as Job;
    if (isReplay) await answerReplay(job);
    else job.reject(error);
    return group.filter((other) => other !== job);
  }

  /** A mistake that is found before anything is sent has no position: each request is sent alone. */
  async function sendEach(group: readonly Job[]): Promise<Job[]> {
    for (const job of group) await runGroup([job]);
    return [];
  }

  async function answerReplay(job: Job): Promise<void> {
    const request = job.request as IngestWrite;
    try {
      const { rows } = await database.execute({ sql: INBOX_SELECT, params: [request.projectId, request.idempotencyKey as string] });
      job.resolve(replayOutcome(rows[0] ?? [], request));
    } catch (error) {
      job.reject(error);
    }
  }

  async function runAlone(job: Job): Promise<void> {
    try {
      const body = job.body as (tx: WriteTransaction) => unknown;
      job.resolve(await retryBusy(() => database.transaction((execute) => runReplayed(execute, body)), busyTimeoutMs));
      totals.commits++;
      totals.writes++;
    } catch (error) {
      job.reject(error);
    }
  }

  return {
    get queued() {
      return queue.length;
    },
    totals,
    write(request, signal) {
      const { projectId, idempotencyKey } = request;
      // Before it is queued: what throws here has no neighbours.
      const measures = { ...weightOf(request), key: idempotencyKey === undefined ? undefined : `${projectId}\0${idempotencyKey}` };
      const work =
        request.interactive === undefined
          ? { ...measures, request, body: undefined }
          : { ...measures, request: undefined, body: (tx: WriteTransaction) => writeRequest(tx, request) };
      return enqueue(work, signal) as Promise<IngestOutcome>;
    },
    transact: <T>(body: (tx: WriteTransaction) => T) =>
      enqueue({ request: undefined, body, rows: 1, bytes: 0, key: undefined }) as Promise<T>,
    async drain() {
      isClosing = true;
      while (running !== undefined) await running;
    },
  };
}
