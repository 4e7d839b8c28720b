// Lets the first of many equal errors through and counts the others.
import { later } from "../../timer.ts";

export interface RepeatGuard<Data> {
  /** True when it should be sent now. */
  pass(fingerprint: string, data: Data, nowMs: number): boolean;
  /** Gives what was held back, with how often, and forgets it. */
  drain(send: (data: Data, repeats: number) => void): void;
}

interface Entry<Data> {
  readonly untilMs: number;
  data: Data;
  repeats: number;
  timer?: ReturnType<typeof setTimeout>;
}

const maxEntries = 200;

/** One error of a kind passes in each `windowMs`; the last of those held back stands for all of them and is sent when that time is over. */
export function createRepeatGuard<Data>(windowMs: number, send: (data: Data, repeats: number) => void): RepeatGuard<Data> {
  const entries = new Map<string, Entry<Data>>();

  function forget(fingerprint: string, entry: Entry<Data>): void {
    entries.delete(fingerprint);
    if (entry.repeats > 0) send(entry.data, entry.repeats);
  }

  return {
    pass(fingerprint, data, nowMs) {
      const known = entries.get(fingerprint);
      if (known !== undefined && nowMs < known.untilMs) {
        known.data = data;
        known.repeats += 1;
        known.timer ??= later(() => {
          if (entries.get(fingerprint) === known) forget(fingerprint, known);
        }, known.untilMs - nowMs);
        return false;
      }
      if (known !== undefined) forget(fingerprint, known);
      const [oldest] = entries;
      if (entries.size >= maxEntries && oldest !== undefined) forget(...oldest);
      entries.set(fingerprint, { untilMs: nowMs + windowMs, data, repeats: 0 });
      return true;
    },
    drain(give) {
      for (const entry of entries.values()) {
        const { data, repeats } = entry;
        // First: what is given may lead here again.
        entry.repeats = 0;
        if (repeats > 0) give(data, repeats);
      }
    },
  };
}
