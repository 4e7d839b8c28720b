// Reading rows, then changing them only if they are still as they were read, whoever else writes: other tabs and processes too.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { capabilitiesOf } from "../adapter.ts";
import type { Awaitable } from "../crypto/bytes.ts";
import { type Address, addressId, type StoredRow } from "./row.ts";
import type { RowChange, Rows } from "./rows.ts";

const maxTries = 100;
const minPauseMs = 2;
const maxPauseMs = 500;

export interface Observed {
  get(address: Address): Awaitable<StoredRow | undefined>;
  /** False, with nothing written, when a row that `get` gave was changed by others. An adapter that cannot compare writes all the same. */
  commit(changes: readonly RowChange[]): Promise<boolean>;
}

export function observe(rows: Rows): Observed {
  const { adapter, codec, writer } = rows;
  if (!adapter.batchIf || capabilitiesOf(adapter).exclusive)
    return { get: rows.get, commit: (changes) => rows.commit(changes).then(() => true) };
  const valueByKey = new Map<string, unknown>();
  return {
    async get(address) {
      rows.assertOpen();
      await writer.settled(addressId(address));
      const at = await codec.locate(address);
      const value = (await adapter.get(at.key)) ?? undefined;
      // Read again, it must still be what was read first.
      if (!valueByKey.has(at.key)) valueByKey.set(at.key, value);
      return value === undefined ? undefined : codec.decode(address.facet, at, value);
    },
    async commit(changes) {
      if (valueByKey.size === 0) return rows.commit(changes).then(() => true);
      try {
        await rows.commit(
          changes,
          Array.from(valueByKey, ([key, value]) => ({ key, value })),
        );
        return true;
      } catch (error) {
        if (isCuittyError(error, "conflict")) return false;
        throw error;
      }
    },
  };
}

/** What a try read and wants to change, with what to give when it is changed. */
export interface Attempt<T> {
  readonly changes: readonly RowChange[];
  readonly result: T;
}

/** Tries until nobody came between reading and writing. Errors: `conflict` (retryable) when others never stop. */
export async function untilUnchanged<T>(rows: Rows, attempt: (observed: Observed) => Promise<Attempt<T>>): Promise<T> {
  for (let tries = 1; tries <= maxTries; tries++) {
    const beganAtMs = performance.now();
    const observed = observe(rows);
    const { changes, result } = await attempt(observed);
    if (changes.length === 0 || (await observed.commit(changes))) return result;
    await pauseAfter(tries, performance.now() - beganAtMs);
  }
  throw new CuittyError("conflict", `what was to be changed was written by others ${maxTries} times in a row; try again later`, {
    retryable: true,
  });
}

/** A random while, longer after more tries and after longer ones: two that come between each other again and again fall out of step. */
export function pauseAfter(tries: number, tookMs: number): Promise<void> {
  const longestMs = Math.min(maxPauseMs, tries * Math.max(minPauseMs, tookMs));
  return new Promise((resolve) => setTimeout(resolve, Math.random() * longestMs));
}
