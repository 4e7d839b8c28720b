// Where a device keeps a store's key between runs, and which of the places serves.
import { CuittyError, isCuittyError } from "@cuitty/wire-protocol/cuitty-error";

/** `auto`: the OS keychain, else a key file (Node); wrapped in IndexedDB (browser). `none`: nowhere, `key` is passed at every open. */
export type KeyStorageMode = "auto" | "keychain" | "file" | "none";

/** Makes the text to save of the text that is there; undefined leaves it as it is. Called again when another tab or process saved meanwhile. */
export type KeyChange = (saved: string | undefined) => Promise<string | undefined>;

export interface KeyPlace {
  /** For messages and `status()`: "keychain", "file", "indexeddb", "memory". */
  readonly kind: string;
  /** For messages: where in it the key is looked for, if that can be said. */
  readonly lookedAt?: string;
  /** Text saved before, or undefined. Errors: `key_storage_failed` when the place exists but cannot be read. */
  load(storeId: string): Promise<string | undefined>;
  /** Never replaces a text that `change` has not seen. Durable when it resolves; false when `change` left the text as it is. */
  update(storeId: string, change: KeyChange): Promise<boolean>;
  /** A key that was saved for a store to be made in the same place, which nobody has used: its making was interrupted before the manifest was written. */
  pending?(): Promise<PendingKey | undefined>;
  /** The manifest of that store is written. */
  confirm?(storeId: string): Promise<void>;
}

export interface PendingKey {
  readonly storeId: string;
  readonly text: string;
}

export interface KeyStorage {
  /** The texts of all places that hold one, in their order. Errors: that of the first place that cannot be read, when no place holds a text. */
  load(storeId: string): Promise<readonly string[]>;
  /**
   * Saves in every place that held a text, else in the first one that works; false when `change` left all as they are.
   * Errors: `key_storage_missing` naming what was tried, `full`, `readonly`, `unsupported`, `invalid_option` for a file that is in the way.
   */
  update(storeId: string, change: KeyChange): Promise<boolean>;
  /** A key to go on with where a store is made; it is saved where it was found. */
  pending(): Promise<PendingKey | undefined>;
  /** Nobody may go on with the store's key any more. What fails is tried again by the next opening. */
  confirm(storeId: string): Promise<void>;
  /** Where the key is, once loaded or saved. */
  readonly kind: string;
  /** For messages: every place in which the key is looked for. */
  readonly lookedAt: string;
  /** Whether the key outlives the process without the caller's help. */
  readonly isLasting: boolean;
}

/** Tries places in order. */
export function createKeyStorage(places: readonly KeyPlace[], advice: string): KeyStorage {
  const used = new Set<KeyPlace>();
  const usedFirst = () => places.find((place) => used.has(place));

  /**
   * Places that held the key before are copies: one that cannot be written now, as a locked keychain, is brought up to date later.
   * The first one tells whether another tab was faster.
   */
  async function updateUsed(storeId: string, change: KeyChange, failures: unknown[]): Promise<boolean | undefined> {
    let isSaved: boolean | undefined;
    for (const place of used) {
      try {
        if (!(await place.update(storeId, change))) return isSaved ?? false;
        isSaved = true;
      } catch (error) {
        failures.push(error);
      }
    }
    return isSaved;
  }

  return {
    async load(storeId) {
      const texts: string[] = [];
      const failures: unknown[] = [];
      for (const place of places) {
        try {
          const text = await place.load(storeId);
          if (text === undefined) continue;
          used.add(place);
          texts.push(text);
        } catch (error) {
          failures.push(error);
        }
      }
      if (texts.length === 0 && failures.length > 0) throw failures[0];
      return texts;
    },
    async update(storeId, change) {
      const failures: unknown[] = [];
      const isSaved = await updateUsed(storeId, change, failures);
      if (isSaved !== undefined) return isSaved;
      for (const place of used.size > 0 ? [] : places) {
        try {
          const isNew = await place.update(storeId, change);
          used.add(place);
          return isNew;
        } catch (error) {
          // What stands in the way is for the caller to move, and not to be passed by.
          if (isCuittyError(error, "invalid_option")) throw error;
          failures.push(error);
        }
      }
      // Another place would not be better.
      const failure = failures.find((error) => ["full", "readonly", "unsupported"].some((code) => isCuittyError(error, code)));
      if (failure) throw failure;
      const tried = places.map(({ kind }) => kind).join(", ") || "none";
      throw new CuittyError("key_storage_missing", `the key could not be saved (tried: ${tried}); ${advice}`, { cause: failures[0] });
    },
    async pending() {
      for (const place of places) {
        const found = await place.pending?.();
        if (!found) continue;
        used.add(place);
        return found;
      }
      return undefined;
    },
    async confirm(storeId) {
      for (const place of used) await place.confirm?.(storeId).catch(() => undefined);
    },
    get kind() {
      return usedFirst()?.kind ?? "none";
    },
    lookedAt: places.map(({ kind, lookedAt }) => lookedAt ?? kind).join(", ") || "no place",
    isLasting: places.some(({ kind }) => kind !== "memory"),
  };
}

/** A text that can be read and written at once, without a turn of the event loop between. */
export interface TextSlot {
  read(): string | undefined;
  write(text: string): void;
}

/** Writes only over the text that `change` was given. */
export async function exchangeText(slot: TextSlot, change: KeyChange): Promise<boolean> {
  for (;;) {
    const saved = slot.read();
    const text = await change(saved);
    if (text === undefined) return false;
    if (slot.read() !== saved) continue;
    slot.write(text);
    return true;
  }
}

/** For stores that end with the process. */
export function memoryKeyPlace(): KeyPlace {
  const textByStore = new Map<string, string>();
  return {
    kind: "memory",
    load: async (storeId) => textByStore.get(storeId),
    update: (storeId, change) =>
      exchangeText({ read: () => textByStore.get(storeId), write: (text) => void textByStore.set(storeId, text) }, change),
  };
}
