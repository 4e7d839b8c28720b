// The facets as callers have them: each call counts as work of the store, which closing waits for, and none is taken afterwards.
import type { Work } from "./core/work.ts";
import type { Blobs } from "./facets/blobs.ts";
import type { EntryList } from "./facets/entries.ts";
import type { Events } from "./facets/events.ts";
import type { Kv } from "./facets/kv.ts";
import type { Records } from "./facets/records.ts";
import type { ManagedCrypto, StoreCrypto } from "./store-crypto.ts";

function guardList<T>(list: EntryList<T>, work: Work): EntryList<T> {
  return {
    [Symbol.asyncIterator]: () => {
      work.assertOpen();
      return guardIteration(list[Symbol.asyncIterator]() as AsyncGenerator<T>, work);
    },
    // biome-ignore lint/suspicious/noThenProperty: reason: the documented list can be awaited as well as iterated.
    then: (onFulfilled, onRejected) => work.run(() => list).then(onFulfilled, onRejected),
  };
}

/** Each step counts as a call: one that has begun is waited for, one after the end is refused, and what the iteration holds is let go. */
export function guardIteration<T>(steps: AsyncGenerator<T>, work: Work): AsyncGenerator<T> {
  async function refuse(error: unknown): Promise<never> {
    await steps.return(undefined).catch(() => undefined);
    throw error;
  }
  const guarded = {
    next() {
      try {
        work.assertOpen();
      } catch (error) {
        return refuse(error);
      }
      return work.hold(steps.next());
    },
    return: (value?: unknown) => steps.return(value),
    throw: (error: unknown) => steps.throw(error),
    [Symbol.asyncIterator]: () => guarded,
  };
  // Whatever else the platform's own generators can do, such as being disposed of.
  return Object.setPrototypeOf(guarded, steps) as AsyncGenerator<T>;
}

/** A facet of single reads and writes: over `entryRows`, which guard them where it costs least, and over the rows below, for what takes several steps. */
export interface Doubled<F> {
  readonly entry: F;
  readonly inner: F;
}

export function guardRecords({ entry, inner }: Doubled<Records>, work: Work): Records {
  return { ...entry, list: (prefix, options) => guardList(inner.list(prefix, options), work) };
}

export function guardKv({ entry, inner }: Doubled<Kv>, work: Work): Kv {
  return { ...entry, list: (prefix, options) => guardList(inner.list(prefix, options), work), sweep: () => work.run(inner.sweep) };
}

export function guardEvents(events: Events, work: Work): Events {
  return {
    ...events,
    append: (log, data) => work.run(() => events.append(log, data)),
    list: (log, options) => guardList(events.list(log, options), work),
    subscribe(log, listener) {
      work.assertOpen();
      return events.subscribe(log, listener);
    },
    on(type, listener) {
      work.assertOpen();
      return events.on(type, listener);
    },
  };
}

export function guardBlobs(blobs: Blobs, work: Work): Blobs {
  return {
    put: (key, source, options) => work.run(() => blobs.put(key, source, options)),
    get: (key, range) => work.run(() => blobs.get(key, range)),
    stream: (key, range) => work.run(() => blobs.stream(key, range)),
    info: (key) => work.run(() => blobs.info(key)),
    has: (key) => work.run(() => blobs.has(key)),
    delete: (key) => work.run(() => blobs.delete(key)),
    list: (prefix, options) => guardList(blobs.list(prefix, options), work),
    watch(target, listener) {
      work.assertOpen();
      return blobs.watch(target, listener);
    },
    uploadedBytes: (key) => work.run(() => blobs.uploadedBytes(key)),
    sweep: () => work.run(() => blobs.sweep()),
  };
}

/** What upkeep does with it is not the app's to call. */
export function guardCrypto({ resume, stop, ...crypto }: ManagedCrypto, work: Work): StoreCrypto {
  return {
    ...crypto,
    exportKey: (options) => work.run(() => crypto.exportKey(options)),
    recoveryCode: () => work.run(() => crypto.recoveryCode()),
    rotateKey: (options) => work.run(() => crypto.rotateKey(options)),
  };
}
