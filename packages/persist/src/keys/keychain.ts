// The operating system's keychain through @napi-rs/keyring, which is optional and loaded only here.
import { CuittyError } from "@cuitty/wire-protocol/cuitty-error";
import { exchangeText, type KeyPlace } from "./key-storage.ts";

const service = "cuitty-persist";
const library = "@napi-rs/keyring";

interface KeyringEntry {
  getPassword(): string | null;
  setPassword(text: string): void;
}

interface Keyring {
  readonly Entry: new (service: string, account: string, options?: object) => KeyringEntry;
}

/** A place that refuses to save where there is no keychain, so that the next place is tried. */
export function keychainPlace(storeName: string): KeyPlace {
  let loading: Promise<Keyring> | undefined;

  async function entryOf(storeId: string): Promise<KeyringEntry> {
    // A name in a variable: bundlers for browsers must not look for it.
    loading ??= import(/* @vite-ignore */ /* webpackIgnore: true */ library) as Promise<Keyring>;
    const { Entry } = await loading;
    // Without the pin a headless Linux silently falls back to the kernel's keyring, which forgets at reboot.
    return new Entry(service, `${storeName}/${storeId}`, { linux: { store: "secret-service" } });
  }

  return {
    kind: "keychain",
    async load(storeId) {
      let entry: KeyringEntry;
      try {
        entry = await entryOf(storeId);
      } catch {
        // No library or no keychain on this machine: nothing can have been saved here. The next place is asked.
        return undefined;
      }
      try {
        return entry.getPassword() ?? undefined;
      } catch {
        // The service answers but has no unlocked collection; the caller's "key missing" says that this may be the reason.
        return undefined;
      }
    },
    async update(storeId, change) {
      const entry = await entryOf(storeId);
      const write = (text: string) => {
        entry.setPassword(text);
        if (entry.getPassword() !== text) throw new CuittyError("key_storage_failed", "the OS keychain did not hand back what was saved");
      };
      return exchangeText({ read: () => entry.getPassword() ?? undefined, write }, change);
    },
  };
}
