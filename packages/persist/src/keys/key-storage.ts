// Where a device keeps a store's key between runs, and which of the places serves.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";

/** `auto`: the OS keychain, else a key file (Node); wrapped in IndexedDB (browser). `none`: nowhere, `key` is passed at every open. */
export type KeyStorageMode = "auto" | "keychain" | "file" | "none";

export interface KeyPlace {
  /** For messages and `status()`: "keychain", "file", "indexeddb", "memory". */
  readonly kind: string;
  /** Text saved before, or undefined. Errors: `key_storage_failed` when the place exists but cannot be read. */
  load(storeId: string): Promise<string | undefined>;
  /** Durable when it resolves. */
  save(storeId: string, text: string): Promise<void>;
}

export interface KeyStorage {
  /** The saved key text and its place, or undefined. */
  load(storeId: string): Promise<string | undefined>;
  /** Saves where the key was found, else in the first place that works. Errors: `key_storage_missing` naming what was tried. */
  save(storeId: string, text: string): Promise<void>;
  /** Where the key is, once loaded or saved. */
  readonly kind: string;
  /** Whether the key outlives the process without the caller's help. */
  readonly isLasting: boolean;
}

/** Tries places in order. */
export function createKeyStorage(places: readonly KeyPlace[], advice: string): KeyStorage {
  let used: KeyPlace | undefined;
  return {
    async load(storeId) {
      for (const place of places) {
        const text = await place.load(storeId);
        if (text === undefined) continue;
        used = place;
        return text;
      }
      return undefined;
    },
    async save(storeId, text) {
      const failures: unknown[] = [];
      for (const place of used ? [used] : places) {
        try {
          await place.save(storeId, text);
          used = place;
          return;
        } catch (error) {
          failures.push(error);
        }
      }
      const tried = places.map(({ kind }) => kind).join(", ") || "none";
      throw new CuittyError("key_storage_missing", `the key could not be saved (tried: ${tried}); ${advice}`, { cause: failures[0] });
    },
    get kind() {
      return used?.kind ?? "none";
    },
    isLasting: places.some(({ kind }) => kind !== "memory"),
  };
}

/** For stores that end with the process. */
export function memoryKeyPlace(): KeyPlace {
  const textByStore = new Map<string, string>();
  return {
    kind: "memory",
    load: async (storeId) => textByStore.get(storeId),
    save: async (storeId, text) => void textByStore.set(storeId, text),
  };
}
