// An adapter of an app's own, whose failures reach the store as typed errors whatever it throws or rejects with.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import type { AdapterEntry, PersistAdapter } from "../adapter.ts";
import { asReadError, asWriteError } from "./adapter-error.ts";

/** Each method is called on the adapter itself, which may be an object of a class. */
export function typedAdapter(adapter: PersistAdapter): PersistAdapter {
  return {
    ...(adapter.name === undefined ? {} : { name: adapter.name }),
    ...(adapter.capabilities === undefined ? {} : { capabilities: adapter.capabilities }),
    ...(adapter.boundsPages && { boundsPages: true }),
    get: (key) => attempt(() => adapter.get(key), asReadError),
    put: (key, value) => attempt(() => adapter.put(key, value), asWriteError),
    delete: (key) => attempt(() => adapter.delete(key), asWriteError),
    list: (prefix) => entriesOf(adapter, prefix),
    ...(adapter.batch && { batch: (ops) => attempt(() => adapter.batch!(ops), asWriteError) }),
    ...(adapter.batchIf && { batchIf: (conditions, ops) => attempt(() => adapter.batchIf!(conditions, ops), asWriteError) }),
    ...(adapter.range && { range: (query) => attempt(async () => (await adapter.range!(query)).map(checkedEntry), asReadError) }),
    ...(adapter.watch && { watch: (listener) => adapter.watch!(listener) }),
    ...(adapter.notify && { notify: (changes) => adapter.notify!(changes) }),
    ...(adapter.close && { close: () => adapter.close!() }),
  };
}

async function attempt<T>(body: () => T | PromiseLike<T>, asError: (error: unknown) => unknown): Promise<Awaited<T>> {
  try {
    return await body();
  } catch (error) {
    throw asError(error);
  }
}

async function* entriesOf(adapter: PersistAdapter, prefix: string): AsyncGenerator<AdapterEntry> {
  try {
    for await (const entry of await adapter.list(prefix)) yield checkedEntry(entry);
  } catch (error) {
    throw asReadError(error);
  }
}

function checkedEntry(entry: AdapterEntry): AdapterEntry {
  if (typeof (entry as AdapterEntry | null | undefined)?.key === "string") return entry;
  throw new CuittyError("read_failed", "the adapter listed something that is not { key, value }; check it with adapterContract");
}
