// Threads that own module files: SQLite works there, and this thread's event loop never waits for a disk.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { ModuleFile, ModuleFileOptions } from "../types.ts";
import { startLink, type ThreadEntry, type ThreadLink } from "./link.ts";
import { openThreadedFile } from "./threaded-module-file.ts";

/** A thread that module files live on. */
export interface StorageThread {
  /** As `openModuleFile`, for paths; the file belongs to the thread until it is closed. Without `driver`: a connection cannot leave its thread. */
  openModuleFile(options: ModuleFileOptions): Promise<ModuleFile>;
  /** Ends the thread. Files have to be closed before. Idempotent. */
  close(): Promise<void>;
}

/** The worker that is alive, or a new one. */
export type Connect = () => Promise<ThreadLink>;

/**
 * Starts a thread.
 * A thread that dies is started again by the next call, and its files are opened again; what was under way rejects with `io`, retryable.
 * Errors: `thread_unavailable` where the runtime has no threads or the file is not there.
 */
export async function createStorageThread(entry: ThreadEntry): Promise<StorageThread> {
  let link: Promise<ThreadLink> | undefined;
  let current: ThreadLink | undefined;
  let isClosed = false;

  async function start(): Promise<ThreadLink> {
    try {
      current = await startLink(entry);
      return current;
    } finally {
      link = undefined;
    }
  }
  const connect: Connect = async () => {
    if (isClosed) throw new CuittyError("closed", "the storage thread is closed");
    if (current?.isAlive) return current;
    link ??= start();
    return link;
  };

  await connect();
  return {
    openModuleFile: (options) => openThreadedFile(connect, options),
    async close() {
      isClosed = true;
      await current?.end();
    },
  };
}

/**
 * Several threads as one: each file goes to the one that was given the fewest, so that files are written beside each other.
 * @param count at least 1
 * Errors: those of `createStorageThread`; none of the threads runs then.
 */
export async function createStorageThreads(entry: ThreadEntry, count: number): Promise<StorageThread> {
  if (!(Number.isSafeInteger(count) && count >= 1)) {
    throw new CuittyError("invalid_parameter", `count: expected a whole number of at least 1, got ${String(count)}`);
  }
  const started = await Promise.allSettled(Array.from({ length: count }, () => createStorageThread(entry)));
  const threads = started.flatMap((result) => (result.status === "fulfilled" ? { thread: result.value, files: 0 } : []));
  const close = async () => {
    await Promise.all(threads.map(({ thread }) => thread.close()));
  };
  const failed = started.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    await close();
    throw failed.reason;
  }
  return {
    openModuleFile(options) {
      const least = threads.reduce((best, each) => (each.files < best.files ? each : best));
      // Counted before it is open: files that are opened at the same time are shared out, too.
      least.files++;
      return least.thread.openModuleFile(options);
    },
    close,
  };
}
