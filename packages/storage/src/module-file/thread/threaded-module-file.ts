// A module file on a storage thread: the same promises as one in this thread, each call one message.
import { isAbsolute, resolve } from "node:path";
import { closedError } from "../../engine/errors.ts";
import type { DoctorReport } from "../../file/types.ts";
import { checkIngestWrite, writeRequest } from "../ingest-write.ts";
import type { IngestOutcome, IngestWrite, ModuleFile, ModuleFileOptions, ModuleFileStats, RowInsert, SqlStatement } from "../types.ts";
import type { ThreadLink } from "./link.ts";
import { exactValue, exactValues, type PlainPart, type PlainWrite, withBuffers } from "./messages.ts";
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
  /** Counts a write as queued until it is answered. */
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
  let writing = 0;

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
  const track: ThreadedFile["track"] = async (write) => {
    writing++;
    try {
      return await write;
    } finally {
      writing--;
    }
  };

  await ready();
  const file: ModuleFile = {
    location: options.location,
    async write(request, { signal } = {}) {
      checkIngestWrite(request);
      signal?.throwIfAborted();
      const thread = await ready();
      const plain = toPlainWrite(request, thread);
      // A function stays in its thread: it gets a transaction of its own.
      if (plain === undefined) return track(thread.transact(number, (tx) => writeRequest(tx, request)));
      const parts = [{ file: number, request: plain }];
      const [outcome] = (await track(askWrite(thread, { parts, others: [] }, signal))) as [IngestOutcome];
      return outcome;
    },
    transact: async (body) => {
      const thread = await ready();
      return track(thread.transact(number, body));
    },
    async all(sql, params = []) {
      const rows = await (await ready()).ask({ op: "all", file: number, sql, params: exactValues(params) });
      return withBuffers(rows as Parameters<typeof withBuffers>[0]);
    },
    sweepInbox: async (beforeMs) => (await ready()).ask({ op: "sweep", file: number, beforeMs }) as Promise<number>,
    backup: async (path) => void (await (await ready()).ask({ op: "backup", file: number, path: resolve(path) })),
    doctor: async () => (await ready()).ask({ op: "doctor", file: number }) as Promise<DoctorReport>,
    stats: () => ({ ...(link?.statsOf(number) ?? noStats), queued: writing }),
    close() {
      closing ??= link?.isAlive ? link.ask({ op: "close", file: number }).then(() => undefined) : Promise.resolve();
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

/** Sends requests for files of one thread, all or none of them when a file of `others` has their key with another body. Does not hold them while it waits. */
export function askWrite(
  link: ThreadLink,
  { parts, others }: { readonly parts: readonly PlainPart[]; readonly others: readonly number[] },
  signal: AbortSignal | undefined,
): Promise<IngestOutcome[]> {
  return link.ask({ op: "write", parts, others, isCancellable: signal !== undefined }, signal) as Promise<IngestOutcome[]>;
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
