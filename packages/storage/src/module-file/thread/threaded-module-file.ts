// A module file on a storage thread: the same promises as one in this thread, each call one message.
import { isAbsolute, resolve } from "node:path";
import type { SqlRow, SqlValue } from "../../engine/driver.ts";
import { closedError } from "../../engine/errors.ts";
import type { DoctorReport } from "../../file/types.ts";
import { type BatchOutcome, checkIngestWrite, writeRequest } from "../ingest-write.ts";
import type { IngestOutcome, IngestWrite, ModuleFile, ModuleFileOptions, ModuleFileStats, RowInsert, SqlStatement } from "../types.ts";
import type { ThreadLink } from "./link.ts";
import { exactValue, exactValues, type PlainPart, type PlainWrite, type ThreadCall, withBuffers } from "./messages.ts";
import type { Connect } from "./storage-thread.ts";

/** What a batch over several files of one thread needs of each. */
export interface ThreadedFile {
  readonly connect: Connect;
  /** The file's number on its worker. */
  readonly number: number;
  /** The worker with the file open on it; undefined while there is none. */
  link(): ThreadLink | undefined;
  /** Opens the file again where its worker has ended. Errors: `closed`. */
  ready(): Promise<ThreadLink>;
  /** Counts a write as queued until it is settled; `close` waits for it. */
  track<T>(write: Promise<T>): Promise<T>;
}

const threadedFiles = new WeakMap<ModuleFile, ThreadedFile>();
/** Undefined for a file that is not on a storage thread. */
export const threadedFileOf = (file: ModuleFile): ThreadedFile | undefined => threadedFiles.get(file);

let lastNumber = 0;
const noStats: ModuleFileStats = { commits: 0, rows: 0, groupSize: 0, queued: 0, walBytes: 0 };

export async function openThreadedFile(connect: Connect, options: ModuleFileOptions): Promise<ModuleFile> {
  // A relative path means the folder of the moment, also when the file has to be opened again.
  const location = isAbsolute(options.location) ? options.location : resolve(options.location);
  const number = ++lastNumber;
  let link: ThreadLink | undefined;
  let opening: Promise<void> | undefined;
  let closing: Promise<void> | undefined;
  const queued = new Set<Promise<unknown>>();
  const reads = new Set<Promise<unknown>>();

  async function open(): Promise<void> {
    const connected = await connect();
    await connected.ask({ op: "open", file: number, options: { ...options, location } });
    link = connected;
  }
  const ready: ThreadedFile["ready"] = async () => {
    if (closing !== undefined) throw closedError(location);
    while (!link?.isAlive) {
      opening ??= open().finally(() => {
        opening = undefined;
      });
      await opening;
    }
    return link;
  };
  const track: ThreadedFile["track"] = (write) => settling(queued, write);

  async function write(request: IngestWrite, signal: AbortSignal | undefined): Promise<IngestOutcome> {
    checkIngestWrite(request);
    signal?.throwIfAborted();
    const thread = await ready();
    const plain = toPlainWrite(request, thread);
    // A function stays in its thread: it gets a transaction of its own.
    if (plain === undefined) return thread.transact(number, (tx) => writeRequest(tx, request));
    const parts = [{ file: number, request: plain }];
    const [outcome] = (await askWrite(thread, { parts, others: [] }, signal)) as readonly [IngestOutcome];
    return outcome;
  }
  async function all(sql: string, params: readonly SqlValue[]): Promise<SqlRow[]> {
    const rows = await (await ready()).ask({ op: "all", file: number, sql, params: exactValues(params) });
    return withBuffers(rows as SqlRow[]);
  }
  const ask = async (call: ThreadCall): Promise<unknown> => (await ready()).ask(call);
  /** What was called before `close` may not have been sent yet: it waits for the thread, too. */
  async function finish(): Promise<void> {
    await Promise.allSettled([...queued, ...reads]);
    if (link?.isAlive) await link.ask({ op: "close", file: number });
  }

  await ready();
  const file: ModuleFile = {
    location: options.location,
    write: (request, { signal } = {}) => track(write(request, signal)),
    transact: (body) => track(ready().then((thread) => thread.transact(number, body))),
    all: (sql, params = []) => settling(reads, all(sql, params)),
    sweepInbox: (beforeMs) => track(ask({ op: "sweep", file: number, beforeMs })) as Promise<number>,
    backup: (path) => track(ask({ op: "backup", file: number, path: resolve(path) })) as Promise<void>,
    doctor: () => track(ask({ op: "doctor", file: number })) as Promise<DoctorReport>,
    stats: () => ({ ...(link?.statsOf(number) ?? noStats), queued: queued.size }),
    close() {
      closing ??= finish();
      return closing;
    },
  };
  threadedFiles.set(file, {
    connect,
    number,
    link: () => (closing === undefined && link?.isAlive ? link : undefined),
    ready,
    track,
  });
  return file;
}

/** Keeps a promise in `set` until it is settled. */
function settling<T>(set: Set<Promise<unknown>>, promise: Promise<T>): Promise<T> {
  const settled = () => set.delete(promise);
  set.add(promise);
  promise.then(settled, settled);
  return promise;
}

/** Sends requests for files of one thread, all or none of them when a file of `others` has their key with another body or note. Does not hold them while it waits. */
export function askWrite(
  link: ThreadLink,
  { parts, others }: { readonly parts: readonly PlainPart[]; readonly others: readonly number[] },
  signal: AbortSignal | undefined,
): Promise<readonly BatchOutcome[]> {
  return link.ask({ op: "write", parts, others, isCancellable: signal !== undefined }, signal) as Promise<readonly BatchOutcome[]>;
}

/** The request as data; undefined when it holds a function, or a procedure that the thread does not know. */
export function toPlainWrite({ interactive, ...request }: IngestWrite, { procedures }: ThreadLink): PlainWrite | undefined {
  const { fingerprint } = request;
  const plain = {
    ...request,
    ...(fingerprint === undefined ? undefined : { fingerprint: exactValue(fingerprint) }),
    statements: request.statements.map(exactStatement),
  };
  if (interactive === undefined) return plain;
  if (typeof interactive === "function" || !procedures.has(interactive.procedure.name)) return undefined;
  return { ...plain, procedure: { name: interactive.procedure.name, args: interactive.args } };
}

function exactStatement(statement: RowInsert | SqlStatement): RowInsert | SqlStatement {
  if ("rows" in statement) return { ...statement, rows: statement.rows.map(exactValues) };
  return statement.params === undefined ? statement : { ...statement, params: exactValues(statement.params) };
}
