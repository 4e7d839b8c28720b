// Whether a file is still where it was opened. One that was moved, deleted or replaced goes on taking writes, which nobody will find again.
import { type Stats, statSync } from "node:fs";
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";

/** A file at a path, and whether it is still the one that was there. */
export interface Place {
  /** Whether what is at the path is the file that was there when the place was made. */
  isKept(): boolean;
  /** Errors: `io`, retryable, when it is not. */
  assertKept(): void;
}

/** A database in memory is always in its place. */
export function placeOf(path: string): Place {
  const opened = look(path);
  if (opened === undefined) return { isKept: () => true, assertKept: () => undefined };
  return {
    isKept() {
      const now = look(path);
      return now?.ino === opened.ino && now.dev === opened.dev;
    },
    assertKept() {
      const now = look(path);
      if (now?.ino === opened.ino && now.dev === opened.dev) return;
      const what = now === undefined ? "was moved or deleted" : "was replaced";
      throw new CuittyError("io", `${path} ${what} while it was open; put it back, or close it and open it again`, {
        retryable: true,
        details: { path },
      });
    },
  };
}

const look = (path: string): Stats | undefined => (path === ":memory:" ? undefined : statSync(path, { throwIfNoEntry: false }));
