// The contract between a store and the place its rows live in. Four methods make an adapter; the rest is optional and declared.

/** One stored value under its key. */
export interface AdapterEntry {
  readonly key: string;
  readonly value: unknown;
}

/**
 * One change of a batch. `expect` comes with background work only: change it if the stored value still is that one, else leave it.
 * An adapter that several processes or tabs share must honour it; one of a single owner may ignore it.
 */
export type AdapterOp =
  | { readonly type: "put"; readonly key: string; readonly value: unknown; readonly expect?: unknown }
  | { readonly type: "delete"; readonly key: string; readonly expect?: unknown };

/** What must still stand at a key: a value as `get` gave it, or undefined for none. */
export interface AdapterCondition {
  readonly key: string;
  readonly value: unknown;
}

/** Which keys a listing gives, and in which order. */
export interface AdapterRange {
  /** Only keys that start with it. */
  readonly prefix: string;
  /** Only keys after it, in the order asked for. */
  readonly after?: string | undefined;
  readonly limit: number;
  /** A page may end before its limit once the values in it take as much. Units: bytes. Only a hint: see `boundsPages`. */
  readonly maxBytes?: number | undefined;
  /** @default false */
  readonly reverse?: boolean | undefined;
}

/** What an adapter can do beside its four methods. */
export interface AdapterCapabilities {
  /** `batch` applies all of its changes or none. Without it `store.batch` throws `unsupported`. @default true when `batch` exists */
  readonly atomicBatch: boolean;
  /** Values of 64 KiB and their number are fine. Without it `store.blobs` throws `unsupported`. @default true */
  readonly blobs: boolean;
  /** Changes made elsewhere (another tab, another process) arrive through `watch`. @default true when `watch` exists */
  readonly watch: boolean;
  /** Values may be Uint8Array or string and come back as such. Otherwise they are JSON values, encrypted ones as text. @default false */
  readonly bytes: boolean;
  /** Nobody else can change rows while it is open, so that what was read may be kept in memory. @default false */
  readonly exclusive: boolean;
}

/** A change of one path, as tabs and processes tell each other. */
export interface AdapterChange {
  readonly type: "put" | "delete";
  readonly facet: string;
  readonly path: string;
}

/**
 * A place rows live in. Keys are non-empty strings of at most 4 KiB without NUL, compared exactly; values come back equal to what was put.
 * A promise of `put`, `delete` or `batch` resolves when the change is as durable as this place makes it.
 * Check your own with `adapterContract` of `@cuitty/persist/testing`.
 */
export interface PersistAdapter {
  /** Shown by `store.status()`. @default "custom" */
  readonly name?: string;
  readonly capabilities?: Partial<AdapterCapabilities>;
  /** The value, or undefined or null when there is none. */
  get(key: string): Promise<unknown>;
  put(key: string, value: unknown): Promise<unknown>;
  /** Deleting what is not there is no error. */
  delete(key: string): Promise<unknown>;
  /** Every entry whose key starts with the prefix, in any order. */
  list(prefix: string): ListResult | Promise<ListResult>;
  /** All changes in order, atomically. */
  batch?(ops: readonly AdapterOp[]): Promise<unknown>;
  /**
   * As `batch` and true, if every condition holds at that moment; otherwise changes nothing and gives false. An adapter that several processes or tabs share
   * needs it for batches that what others write makes run again, and for equal blobs that are stored once.
   */
  batchIf?(conditions: readonly AdapterCondition[], ops: readonly AdapterOp[]): Promise<boolean>;
  /** Entries in the order of their keys' UTF-16 code units (the order of JavaScript's `<`), at most `limit`. */
  range?(query: AdapterRange): Promise<readonly AdapterEntry[]>;
  /** `range` ends a page that reaches `maxBytes`. Otherwise pages begin with few rows, and grow while those are small. @default false */
  readonly boundsPages?: boolean;
  /** Calls back on changes made elsewhere. Returns the unsubscriber. */
  watch?(listener: (changes: readonly AdapterChange[]) => void): () => void;
  /** Tells the others of changes made here, after they are durable. */
  notify?(changes: readonly AdapterChange[]): void;
  close?(): Promise<unknown> | unknown;
}

export type ListResult = AsyncIterable<AdapterEntry> | Iterable<AdapterEntry>;

/** Whether what was read can be known to be unchanged when something is written: nobody else writes, or the adapter compares. */
export function canCompare(adapter: PersistAdapter): boolean {
  return adapter.batchIf !== undefined || capabilitiesOf(adapter).exclusive;
}

/** What an adapter can do, its declarations completed with the defaults. */
export function capabilitiesOf(adapter: PersistAdapter): AdapterCapabilities {
  const declared = adapter.capabilities ?? {};
  return {
    atomicBatch: declared.atomicBatch ?? adapter.batch !== undefined,
    blobs: declared.blobs ?? true,
    watch: declared.watch ?? adapter.watch !== undefined,
    bytes: declared.bytes ?? false,
    exclusive: declared.exclusive ?? false,
  };
}
