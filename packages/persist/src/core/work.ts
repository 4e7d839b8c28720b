// What callers have asked of a store and is not done: closing waits for it, and refuses what comes later.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { isPromise } from "../crypto/bytes.ts";
import type { Rows } from "./rows.ts";

export interface Work {
  /** Errors: `store_closed` from the moment `end` is called. */
  assertOpen(): void;
  /** Runs what takes several steps, all of which count as called now. Errors: `store_closed`. */
  run<T>(body: () => PromiseLike<T>): Promise<T>;
  /** The same for what has begun. */
  hold<T>(promise: Promise<T>): Promise<T>;
  /** Refuses from now on; resolves when what came before is done. */
  end(): Promise<void>;
}

export function storeClosed(cause?: unknown): CuittyError {
  return new CuittyError(
    "store_closed",
    "the store is closed; open it again with createStore",
    cause === undefined ? undefined : { cause },
  );
}

/** The place vanished under the open store: site data were cleared, or another tab deleted it. */
export function storeDeleted(): CuittyError {
  return new CuittyError(
    "store_deleted",
    "the store was deleted while it was open, or another one was put in its place; nothing was written: close it and open it again with createStore",
  );
}

export function createWork(): Work {
  let active = 0;
  let isEnding = false;
  let onIdle: () => void = () => undefined;

  function assertOpen(): void {
    if (isEnding) throw storeClosed();
  }

  function done(): void {
    active--;
    if (active === 0) onIdle();
  }

  function hold<T>(promise: Promise<T>): Promise<T> {
    active++;
    promise.then(done, done);
    return promise;
  }

  return {
    assertOpen,
    hold,
    async run(body) {
      assertOpen();
      return hold(Promise.resolve(body()));
    },
    end() {
      isEnding = true;
      return new Promise((resolve) => {
        onIdle = resolve;
        if (active === 0) resolve();
      });
    },
  };
}

/** Rows as callers reach them: refused from the moment the store closes, while what runs already goes on. */
export function entryRows(rows: Rows, work: Work): Rows {
  return {
    ...rows,
    get(address) {
      work.assertOpen();
      const found = rows.get(address);
      return isPromise(found) ? work.hold(found) : found;
    },
    commit(changes) {
      work.assertOpen();
      return rows.commit(changes);
    },
    onChange(listener) {
      work.assertOpen();
      return rows.onChange(listener);
    },
  };
}
