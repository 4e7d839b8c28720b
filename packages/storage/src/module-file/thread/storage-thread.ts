// A thread that owns module files: SQLite works there, and this thread's event loop never waits for a disk.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { ModuleFile, ModuleFileOptions } from "../types.ts";
import { startLink, type ThreadEntry, type ThreadLink } from "./link.ts";
import { openThreadedFile } from "./threaded-module-file.ts";

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
