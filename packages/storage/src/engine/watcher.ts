// Tells when anyone has committed to a file: this process at once, others within a few milliseconds. One watcher a file, however many listen.
import { statSync } from "node:fs";
import { isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { Driver, SqlValue } from "./driver.ts";
import type { HonkerDatabase, HonkerUpdateEvents } from "./honker-native.ts";

/** Who is told that a file has changed. */
export interface WatchListener {
  /** Something may have been committed; several commits are one call. */
  onCommit(): void;
  /** The file has been replaced or deleted: nothing more will be heard here. Open the path again. */
  onLost?(): void;
}

export interface Watcher {
  /** Returns the unsubscriber. The first listener starts the watcher, the last one to go stops it. */
  watch(listener: WatchListener): () => void;
  close(): void;
}

/** How often the libSQL engine looks for other processes' commits. Units: ms. */
const pollMs = 4;
/** How often it is checked that the path still leads to this file. Units: ms. */
const identityMs = 1_000;

interface Source {
  stop(): void;
}

interface Emit {
  readonly commit: () => void;
  readonly lost: () => void;
}

/** A watcher of one open file. `native` is set for the honker engine, whose own thread does the watching. */
export function createWatcher(driver: Driver, native: HonkerDatabase | undefined): Watcher {
  const listeners = new Set<WatchListener>();
  let sources: Source[] = [];
  let isQueued = false;

  // After the current call: a listener must not run inside the commit that wakes it.
  function commit(): void {
    if (isQueued) return;
    isQueued = true;
    queueMicrotask(() => {
      isQueued = false;
      for (const listener of [...listeners]) call(() => listener.onCommit());
    });
  }
  function lost(): void {
    stop();
    for (const listener of [...listeners]) call(() => listener.onLost?.());
    listeners.clear();
  }
  function call(body: () => void): void {
    try {
      body();
    } catch (error) {
      process.emitWarning(`a listener of ${driver.path} threw: ${String(error)}`, "CuittyWarning");
    }
  }
  function start(): void {
    const emit = { commit, lost };
    const stopLocal = driver.onCommit(commit);
    sources = [
      { stop: stopLocal },
      native === undefined ? pollCommits(driver, emit) : followNative(native, emit),
      watchIdentity(driver.path, emit),
    ];
  }
  function stop(): void {
    for (const source of sources) source.stop();
    sources = [];
  }
  return {
    watch(listener) {
      if (listeners.size === 0) start();
      listeners.add(listener);
      return () => {
        if (listeners.delete(listener) && listeners.size === 0) stop();
      };
    },
    close() {
      listeners.clear();
      stop();
    },
  };
}

/** `data_version` changes when another connection has committed. */
function pollCommits(driver: Driver, { commit, lost }: Emit): Source {
  const read = () => driver.prepare("PRAGMA data_version").get()?.[0];
  let seen = read();
  const timer = setInterval(() => {
    let now: SqlValue | undefined;
    try {
      now = read();
    } catch (error) {
      // A recovering process locks the file for a moment; a closed or damaged file is not coming back.
      if (!isCuittyError(error, "busy")) lost();
      return;
    }
    if (now === seen) return;
    seen = now;
    commit();
  }, pollMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

function followNative(native: HonkerDatabase, { commit, lost }: Emit): Source {
  const events: HonkerUpdateEvents = native.updateEvents();
  let isStopped = false;
  void (async () => {
    try {
      while (!isStopped) {
        await events.next();
        if (!isStopped) commit();
      }
    } catch {
      // reason: it rejects when closed, and when the file was replaced under it
      if (!isStopped) lost();
    }
  })();
  return {
    stop() {
      isStopped = true;
      events.close();
    },
  };
}

function watchIdentity(path: string, { lost }: Emit): Source {
  const identity = () => {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stat === undefined ? "none" : `${stat.dev}-${stat.ino}`;
  };
  if (path === ":memory:") return { stop: () => {} };
  const own = identity();
  const timer = setInterval(() => {
    if (identity() !== own) lost();
  }, identityMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
